import { limits } from '../model/limits.js';

export interface StreamLimits {
  /** A longer message closes the stream that is asked to send it. */
  readonly messageBytesMax: number;
  /** Unsent bytes above which `send` returns false. */
  readonly highWaterBytes: number;
  /** Unsent bytes above which the stream closes itself: its user has not waited for `drained`. */
  readonly queueBytesMax: number;
}

export const defaultStreamLimits: StreamLimits = {
  messageBytesMax: limits.peerMessageBytesMax,
  highWaterBytes: 1024 * 1024,
  queueBytesMax: limits.peerStreamQueueBytesMax,
};

/** Counted for every message beside its bytes, so that many empty ones are bounded too. */
const messageOverheadBytes = 64;

/** The messages that a stream has taken and not yet passed on, in order, and those who wait until there are few. */
export class SendQueue {
  readonly #limits: StreamLimits;
  #messages: (Uint8Array | undefined)[] = [];
  #first = 0;
  #bytes = 0;
  #waiting: (() => void)[] = [];

  constructor(limits: StreamLimits) {
    this.#limits = limits;
  }

  get empty(): boolean {
    return this.#first === this.#messages.length;
  }

  get aboveMark(): boolean {
    return this.#bytes > this.#limits.highWaterBytes;
  }

  /** Takes the message, or says why the stream cannot go on. */
  add(message: Uint8Array): { readonly refused: string } | undefined {
    const { messageBytesMax, queueBytesMax } = this.#limits;
    if (message.length > messageBytesMax) {
      return { refused: `a message of ${message.length} bytes is longer than ${messageBytesMax}` };
    }
    if (this.#bytes + message.length + messageOverheadBytes > queueBytesMax) {
      return { refused: `more than ${queueBytesMax} bytes are waiting to be sent` };
    }
    this.#bytes += message.length + messageOverheadBytes;
    this.#messages.push(message);
    return undefined;
  }

  /** The next message; it counts as unsent until `sent`. */
  take(): Uint8Array | undefined {
    if (this.empty) return undefined;
    const message = this.#messages[this.#first];
    this.#messages[this.#first] = undefined;
    this.#first += 1;
    if (this.#first > 1024 && this.#first * 2 > this.#messages.length) {
      this.#messages = this.#messages.slice(this.#first);
      this.#first = 0;
    }
    return message;
  }

  sent(message: Uint8Array): void {
    this.#bytes -= message.length + messageOverheadBytes;
    if (!this.aboveMark) this.#release();
  }

  /** Resolves when the queue is not above its mark. */
  drained(): Promise<void> {
    if (!this.aboveMark) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Forgets what was not taken. Nobody waits any longer. */
  clear(): void {
    for (let message = this.take(); message !== undefined; message = this.take()) this.sent(message);
    this.#messages = [];
    this.#first = 0;
    this.#release();
  }

  #release(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
