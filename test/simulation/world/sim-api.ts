import type { DialledStream, Dialler } from '../../../src/client/dialler.js';
import type { Runtime } from '../../../src/runtime/runtime.js';
import type { NodeService } from '../../../src/transaction/service.js';
import type { PeerStream } from '../../../src/transport/peer-transport.js';
import type { FailureMessage } from '../../../src/transport/public-api/messages.js';
import { nodeAcceptor } from '../../support/node-acceptor.js';
import type { Incarnation } from './incarnation.js';
import type { Network, NodeTransport } from './network.js';

/** What a message from a node is: of the API, or the error that ends the stream (a status, in gRPC). */
const kinds = { message: 0, failure: 1 } as const;

/** The public API of a running node on the simulated network. */
export function offerApi(node: NodeService, runtime: Runtime, transport: NodeTransport): void {
  const { session, watch } = nodeAcceptor(node, runtime);
  transport.acceptApp('session', (stream) => session(marking(stream)));
  transport.acceptApp('watch', (stream) => {
    const end = (failure: FailureMessage): void => {
      stream.send(Buffer.concat([Buffer.of(kinds.failure), Buffer.from(JSON.stringify(failure))]));
      stream.close(failure.message);
    };
    let isAsked = false;
    stream.onMessage((request) => {
      if (isAsked) throw new Error('a watch has one request');
      isAsked = true;
      watch(marking(stream), request, end);
    });
  });
}

function marking(stream: PeerStream): PeerStream {
  return wrapped(stream, {
    send: (message) => stream.send(Buffer.concat([Buffer.of(kinds.message), message])),
  });
}

/** How an app of one life reaches nodes by their names. */
export class SimDialler implements Dialler {
  readonly #network: Network;
  readonly #life: Incarnation;
  readonly #open = new Set<PeerStream>();

  constructor(network: Network, life: Incarnation) {
    this.#network = network;
    this.#life = life;
  }

  session(endpoint: string): DialledStream {
    return this.#dial(endpoint, 'session');
  }

  watch(endpoint: string, request: Uint8Array): DialledStream {
    const stream = this.#dial(endpoint, 'watch');
    stream.send(request);
    return stream;
  }

  close(): void {
    for (const stream of [...this.#open]) stream.close('the client is closed');
  }

  #dial(endpoint: string, purpose: 'session' | 'watch'): DialledStream {
    const stream = this.#network.open(this.#life, endpoint, purpose);
    this.#open.add(stream);
    let failure: FailureMessage | undefined;
    const reading = wrapped(stream, {
      onMessage: (listener) => {
        stream.onMessage((marked) => {
          if (marked[0] === kinds.message) listener(marked.subarray(1));
          else failure = JSON.parse(Buffer.from(marked.subarray(1)).toString()) as FailureMessage;
        });
      },
      onClose: (listener) => {
        stream.onClose((reason) => {
          this.#open.delete(stream);
          listener(reason);
        });
      },
    });
    return Object.defineProperty(reading, 'failure', { get: () => failure }) as DialledStream;
  }
}

function wrapped(stream: PeerStream, changed: Partial<PeerStream>): PeerStream {
  return {
    send: (message) => stream.send(message),
    drained: () => stream.drained(),
    onMessage: (listener) => stream.onMessage(listener),
    pause: () => stream.pause(),
    resume: () => stream.resume(),
    onClose: (listener) => stream.onClose(listener),
    close: (reason) => stream.close(reason),
    ...changed,
  };
}
