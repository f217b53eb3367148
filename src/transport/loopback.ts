import type { Timers } from '../runtime/runtime.js';
import { CloseNotice } from './close-notice.js';
import { deliver } from './delivery.js';
import type { PeerStream } from './peer-transport.js';
import { defaultStreamLimits, SendQueue, type StreamLimits } from './send-queue.js';

/**
 * The two ends of a stream inside of one process, for what a node says to itself. Messages are handed over, not copied,
 * always in a later turn than `send`, with the same bounds as on a connection. `onOver` runs when both ends are closed.
 */
export function createLoopbackPair(
  timers: Timers,
  limits: StreamLimits = defaultStreamLimits,
  onOver: () => void = () => {},
): readonly [PeerStream, PeerStream] {
  const there = new SendQueue(limits);
  const back = new SendQueue(limits);
  const opener = new LoopbackEnd(timers, there, back);
  const acceptor = new LoopbackEnd(timers, back, there);
  opener.other = acceptor;
  acceptor.other = opener;
  opener.onOver = onOver;
  acceptor.onOver = onOver;
  return [opener, acceptor];
}

/** A stream that never was open. */
export function closedStream(timers: Timers, reason: string): PeerStream {
  const [stream] = createLoopbackPair(timers);
  stream.close(reason);
  return stream;
}

class LoopbackEnd implements PeerStream {
  readonly #timers: Timers;
  readonly #outgoing: SendQueue;
  readonly #incoming: SendQueue;
  readonly #notice: CloseNotice;
  #listener: ((message: Uint8Array) => void) | undefined;
  #paused = false;
  #deliveryDue = false;
  other!: LoopbackEnd;
  onOver: () => void = () => {};

  constructor(timers: Timers, outgoing: SendQueue, incoming: SendQueue) {
    this.#timers = timers;
    this.#outgoing = outgoing;
    this.#incoming = incoming;
    this.#notice = new CloseNotice(timers);
  }

  send(message: Uint8Array): boolean {
    if (this.#notice.closed || this.other.#notice.closed) return false;
    const problem = this.#outgoing.add(message);
    if (problem) {
      this.#outgoing.clear();
      this.close(problem.refused);
      return false;
    }
    this.other.#deliverSoon();
    return !this.#outgoing.aboveMark;
  }

  drained(): Promise<void> {
    return this.#outgoing.drained();
  }

  onMessage(listener: (message: Uint8Array) => void): void {
    this.#listener = listener;
    this.#deliverSoon();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#deliverSoon();
  }

  onClose(listener: (reason: string) => void): void {
    this.#notice.listen(listener);
  }

  close(reason: string): void {
    if (!this.#notice.close(reason)) return;
    this.#incoming.clear();
    this.#timers.soon(() => this.other.#closeAfterDelivery(`closed by the other side: ${reason}`));
  }

  #closeAfterDelivery(reason: string): void {
    this.#deliver();
    this.#notice.close(reason);
    this.#incoming.clear();
    this.#outgoing.clear();
    this.onOver();
  }

  #deliverSoon(): void {
    if (this.#deliveryDue || this.#incoming.empty) return;
    this.#deliveryDue = true;
    this.#timers.soon(() => {
      this.#deliveryDue = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    while (this.#listener !== undefined && !this.#paused && !this.#notice.closed) {
      const message = this.#incoming.take();
      if (message === undefined) return;
      this.#incoming.sent(message);
      deliver(this, this.#listener, message);
    }
  }
}
