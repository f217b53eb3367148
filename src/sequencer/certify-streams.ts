import type { NodeId } from '../model/ids.js';
import type { Cancel, Runtime } from '../runtime/runtime.js';
import {
  decodeCertifyFromNode,
  encodeCertifyFromSequencer,
  type CertifyFromNode,
  type CertifyFromSequencer,
  type CertifyHello,
} from '../transport/messages.js';
import type { PeerStream, PeerTransport } from '../transport/peer-transport.js';
import { readMessages } from '../transport/read-messages.js';

/** One node's end of the certify streams. Answers to a stream that has closed are dropped; the node asks again. */
export interface CertifyPeer {
  readonly node: NodeId;
  send(message: CertifyFromSequencer): void;
}

export interface CertifyStreamEvents {
  /** The first message of a stream, which the sequencer sends. */
  welcome(): CertifyFromSequencer;
  /** The node's own first message. */
  onHello(hello: CertifyHello, peer: CertifyPeer): void;
  onMessage(message: Exclude<CertifyFromNode, CertifyHello>, peer: CertifyPeer): void;
}

const redialMsMin = 100;
const redialMsMax = 1000;

/** Keeps a certify stream open to every node of the keyspace, this one included; redials what closes. */
export class CertifyStreams {
  readonly #transport: PeerTransport;
  readonly #runtime: Runtime;
  readonly #events: CertifyStreamEvents;
  readonly #open = new Map<NodeId, { stream: PeerStream; hello: CertifyHello | undefined }>();
  readonly #redials = new Set<Cancel>();

  constructor(transport: PeerTransport, runtime: Runtime, events: CertifyStreamEvents) {
    this.#transport = transport;
    this.#runtime = runtime;
    this.#events = events;
  }

  dial(nodes: readonly NodeId[]): void {
    for (const node of nodes) this.#dial(node, redialMsMin);
  }

  /** The last hello of each node whose stream is open. */
  hellos(): ReadonlyMap<NodeId, CertifyHello> {
    const hellos = new Map<NodeId, CertifyHello>();
    for (const [node, { hello }] of this.#open) if (hello !== undefined) hellos.set(node, hello);
    return hellos;
  }

  broadcast(message: CertifyFromSequencer): void {
    const bytes = encodeCertifyFromSequencer(message);
    for (const { stream, hello } of this.#open.values()) if (hello !== undefined) stream.send(bytes);
  }

  /** Closes every stream, and dials no node again before `dial` is called. */
  hangUp(reason: string): void {
    for (const cancel of this.#redials) cancel();
    this.#redials.clear();
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const { stream } of open) stream.close(reason);
  }

  #dial(node: NodeId, redialMs: number): void {
    const stream = this.#transport.open(node, 'certify');
    const link: { stream: PeerStream; hello: CertifyHello | undefined } = { stream, hello: undefined };
    this.#open.set(node, link);
    const peer: CertifyPeer = {
      node,
      send: (message) => void stream.send(encodeCertifyFromSequencer(message)),
    };
    const take = (message: CertifyFromNode): void => {
      if (this.#open.get(node) !== link) return;
      if (message.type !== 'hello') return this.#events.onMessage(message, peer);
      link.hello = message;
      this.#events.onHello(message, peer);
    };
    readMessages(stream, decodeCertifyFromNode, take, this.#runtime.logger);
    stream.onClose((reason) => {
      if (this.#open.get(node) !== link) return;
      this.#open.delete(node);
      this.#redial(
        node,
        link.hello === undefined ? Math.min(redialMs * 2, redialMsMax) : redialMsMin,
        reason,
      );
    });
    peer.send(this.#events.welcome());
  }

  #redial(node: NodeId, afterMs: number, reason: string): void {
    this.#runtime.logger.debug({ node, reason, afterMs }, 'certify stream closed');
    const cancel = this.#runtime.timers.after(afterMs, () => {
      this.#redials.delete(cancel);
      this.#dial(node, afterMs);
    });
    this.#redials.add(cancel);
  }
}
