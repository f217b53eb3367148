import type { Cancel, Timers } from '../runtime/runtime.js';
import type { PeerStream } from '../transport/peer-transport.js';

export interface InboxOptions<M> {
  readonly decode: (bytes: Uint8Array) => M;
  /** Above this what has arrived and was not taken pauses the stream. */
  readonly bytesMax: number;
  /** Who waits for the next message longer than this closes the stream. ms */
  readonly silentMsMax: number;
  readonly timers: Timers;
}

/** The messages of a stream, taken one by one by one reader; the stream is paused while too much waits here. */
export class Inbox<M> {
  readonly #stream: PeerStream;
  readonly #options: InboxOptions<M>;
  readonly #arrived: Uint8Array[] = [];
  #bytes = 0;
  #paused = false;
  #closed: string | undefined;
  #wake: (() => void) | undefined;
  #onOver: () => void = () => {};

  constructor(stream: PeerStream, options: InboxOptions<M>) {
    this.#stream = stream;
    this.#options = options;
    this.over = new Promise((resolve) => (this.#onOver = resolve));
    stream.onMessage((bytes) => this.#onMessage(bytes));
    stream.onClose((reason) => {
      this.#closed ??= reason;
      this.#onOver();
      this.#wake?.();
    });
  }

  /** Why the stream is closed; undefined while it is open. */
  get closed(): string | undefined {
    return this.#closed;
  }

  /** Resolves when the stream is closed. */
  readonly over: Promise<void>;

  /** Whether a message can be taken at once. */
  get waiting(): boolean {
    return this.#arrived.length > 0;
  }

  /** Undefined when the stream is closed and everything before was taken. Throws what `decode` throws. */
  async next(): Promise<M | undefined> {
    while (this.#arrived.length === 0) {
      if (this.#closed !== undefined) return undefined;
      await this.#arrival();
    }
    const bytes = this.#arrived.shift()!;
    this.#bytes -= bytes.length;
    if (this.#paused && this.#bytes <= this.#options.bytesMax / 2) {
      this.#paused = false;
      this.#stream.resume();
    }
    return this.#options.decode(bytes);
  }

  send(message: Uint8Array): void {
    this.#stream.send(message);
  }

  /** What has arrived is dropped. */
  close(reason: string): void {
    this.#closed ??= reason;
    this.#arrived.length = 0;
    this.#bytes = 0;
    this.#stream.close(reason);
    this.#wake?.();
  }

  #onMessage(bytes: Uint8Array): void {
    if (this.#closed !== undefined) return;
    this.#arrived.push(bytes);
    this.#bytes += bytes.length;
    if (!this.#paused && this.#bytes > this.#options.bytesMax) {
      this.#paused = true;
      this.#stream.pause();
    }
    this.#wake?.();
  }

  async #arrival(): Promise<void> {
    const { timers, silentMsMax } = this.#options;
    let cancel: Cancel = () => {};
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      cancel = timers.after(silentMsMax, () => this.close(`nothing was heard for ${silentMsMax} ms`));
    });
    cancel();
    this.#wake = undefined;
  }
}
