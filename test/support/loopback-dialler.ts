import type { DialledStream, Dialler } from '../../src/client/dialler.js';
import type { Timers } from '../../src/runtime/runtime.js';
import { closedStream, createLoopbackPair } from '../../src/transport/loopback.js';
import type { PeerStream } from '../../src/transport/peer-transport.js';
import type { FailureMessage } from '../../src/transport/public-api/messages.js';

/** Who answers at an endpoint. A stream that it ends with a failure says so to the client. */
export interface Acceptor {
  /** With what every stream ends at once. */
  readonly refusal?: FailureMessage;
  session(stream: PeerStream): void;
  watch(stream: PeerStream, request: Uint8Array, end: (failure: FailureMessage) => void): void;
}

/** Streams of the public API inside of one process. Endpoints without an acceptor are closed ports. */
export class LoopbackDialler implements Dialler {
  readonly acceptors = new Map<string, Acceptor>();
  readonly #timers: Timers;
  readonly #open = new Map<PeerStream, string>();

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  session(endpoint: string): DialledStream {
    return this.#dial(endpoint, (acceptor, stream) => acceptor.session(stream));
  }

  watch(endpoint: string, request: Uint8Array): DialledStream {
    return this.#dial(endpoint, (acceptor, stream, end) => acceptor.watch(stream, request, end));
  }

  close(): void {
    for (const stream of this.#open.keys()) stream.close('the dialler is closed');
  }

  /** The process behind an endpoint dies: its streams break, nobody accepts any more. */
  kill(endpoint: string): void {
    this.acceptors.delete(endpoint);
    this.break(endpoint);
  }

  /** Every stream of the endpoint breaks; new ones are accepted. */
  break(endpoint: string): void {
    for (const [stream, at] of this.#open) if (at === endpoint) stream.close('broken');
  }

  #dial(
    endpoint: string,
    accept: (acceptor: Acceptor, stream: PeerStream, end: (failure: FailureMessage) => void) => void,
  ): DialledStream {
    const acceptor = this.acceptors.get(endpoint);
    if (acceptor === undefined) return withFailure(closedStream(this.#timers, 'connection refused')).stream;
    const [opened, accepted] = createLoopbackPair(this.#timers, undefined, () => this.#open.delete(accepted));
    this.#open.set(accepted, endpoint);
    const { stream, setFailure } = withFailure(opened);
    this.#timers.soon(() => {
      const end = (failure: FailureMessage): void => {
        setFailure(failure);
        accepted.close(failure.message);
      };
      if (acceptor.refusal === undefined) accept(acceptor, accepted, end);
      else end(acceptor.refusal);
    });
    return stream;
  }
}

function withFailure(stream: PeerStream) {
  let failure: FailureMessage | undefined;
  const dialled: DialledStream = {
    send: (message) => stream.send(message),
    drained: () => stream.drained(),
    onMessage: (listener) => stream.onMessage(listener),
    pause: () => stream.pause(),
    resume: () => stream.resume(),
    onClose: (listener) => stream.onClose(listener),
    close: (reason) => stream.close(reason),
    get failure() {
      return failure;
    },
  };
  return { stream: dialled, setFailure: (told: FailureMessage) => (failure = told) };
}
