import type { Cancel, Timers } from '../../runtime/runtime.js';
import { CloseNotice } from '../close-notice.js';
import { deliver } from '../delivery.js';
import type { PeerStream } from '../peer-transport.js';
import { SendQueue, type StreamLimits } from '../send-queue.js';

/** What is used of grpc-js's call, a Duplex of messages. */
export interface CallDuplex {
  write(message: Uint8Array, onPassedOn: () => void): boolean;
  read(): unknown;
  pause(): unknown;
  resume(): unknown;
  on(event: 'data', listener: (message: Uint8Array) => void): unknown;
}

/** What opener and acceptor of a call do differently. */
export interface GrpcCallEnd {
  readonly duplex: CallDuplex;
  /** Ends the call behind everything that was written. */
  end(reason: string): void;
  /** Ends it now, as far as grpc-js can. */
  abort(): void;
}

/** Bytes handed to grpc-js before it has passed them on; what is more waits in our queue, which a close can drop. */
const writingBytesMax = 256 * 1024;

/** How long a closed stream may go on sending what was queued. */
const closeGraceMs = 1000;

/** A PeerStream on one end of a gRPC call. Its owner watches the call and says `over` when it has ended. */
export class GrpcPeerStream implements PeerStream {
  readonly #call: GrpcCallEnd;
  readonly #timers: Timers;
  readonly #queue: SendQueue;
  readonly #notice: CloseNotice;
  #writingBytes = 0;
  #listener: ((message: Uint8Array) => void) | undefined;
  #paused = false;
  /** Set by a close from this side: the call ends when the queue is empty. */
  #ending: { readonly reason: string; readonly cancelGrace: Cancel } | undefined;
  #endCalled = false;
  #over = false;

  constructor(call: GrpcCallEnd, timers: Timers, limits: StreamLimits) {
    this.#call = call;
    this.#timers = timers;
    this.#queue = new SendQueue(limits);
    this.#notice = new CloseNotice(timers);
  }

  send(message: Uint8Array): boolean {
    if (this.#notice.closed) return false;
    const problem = this.#queue.add(message);
    if (problem) {
      this.#queue.clear();
      this.close(problem.refused);
      return false;
    }
    this.#pump();
    return !this.#queue.aboveMark;
  }

  drained(): Promise<void> {
    return this.#queue.drained();
  }

  onMessage(listener: (message: Uint8Array) => void): void {
    const isFirst = this.#listener === undefined;
    this.#listener = listener;
    if (!isFirst) return;
    this.#call.duplex.on('data', (message: Uint8Array) => {
      if (!this.#notice.closed) deliver(this, this.#listener!, message);
    });
  }

  pause(): void {
    if (this.#notice.closed) return;
    this.#paused = true;
    this.#call.duplex.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#listener !== undefined) this.#call.duplex.resume();
  }

  onClose(listener: (reason: string) => void): void {
    this.#notice.listen(listener);
  }

  close(reason: string): void {
    if (!this.#notice.close(reason)) return;
    const cancelGrace = this.#timers.after(closeGraceMs, () => this.#drop());
    this.#ending = { reason, cancelGrace };
    this.#call.duplex.resume();
    this.#pump();
  }

  /** Closes without waiting for what is queued. */
  abort(reason: string): void {
    this.close(reason);
    this.#drop();
  }

  /** The call has ended: what has arrived is delivered unless the stream is paused, then the stream is closed. */
  over(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#ending?.cancelGrace();
    const { duplex } = this.#call;
    while (this.#listener !== undefined && !this.#paused && !this.#notice.closed && duplex.read() !== null);
    this.#notice.close(reason);
    this.#queue.clear();
  }

  #pump(): void {
    while (!this.#over && this.#writingBytes < writingBytesMax) {
      const message = this.#queue.take();
      if (message === undefined) break;
      this.#writingBytes += message.length;
      this.#call.duplex.write(message, () => {
        this.#writingBytes -= message.length;
        this.#queue.sent(message);
        this.#pump();
      });
    }
    if (this.#ending !== undefined && this.#queue.empty && !this.#endCalled && !this.#over) {
      this.#endCalled = true;
      this.#call.end(this.#ending.reason);
    }
  }

  #drop(): void {
    this.#queue.clear();
    this.#pump();
    if (!this.#over) this.#call.abort();
  }
}
