import { createHash } from 'node:crypto';
import { uuidFromBytes, uuidToBytes, type KeyspaceId, type NodeId, type RegionId } from '../model/ids.js';
import { limits, limitsFingerprint } from '../model/limits.js';
import type { ToldByNode } from '../maintenance/told-by-node.js';
import { every, type Cancel, type Runtime } from '../runtime/runtime.js';
import type { PeerStatus } from '../transaction/service.js';
import {
  decodeGossipMessage,
  encodeGossipMessage,
  type GossipMessage,
  type GossipStatus,
} from '../transport/messages.js';
import type { PeerStream, PeerTransport } from '../transport/peer-transport.js';
import { readMessages } from '../transport/read-messages.js';
import type { PeerCopy } from './donors.js';
import type { KeyspaceHost } from './keyspace-host.js';

export interface GossipPorts {
  readonly self: NodeId;
  readonly region: RegionId;
  readonly peers: readonly { readonly id: NodeId; readonly region: RegionId }[];
  readonly transport: PeerTransport;
  readonly runtime: Runtime;
  readonly keyspaces: () => GossipStatus['keyspaces'];
}

interface Peer {
  readonly id: NodeId;
  readonly region: RegionId;
  stream: PeerStream | undefined;
  status: GossipStatus | undefined;
  heardMs: number | undefined;
  roundTripMs: number | undefined;
  clockSkewMs: number | undefined;
  readonly pings: Map<number, number>;
}

const periodMs = 500;
/** A peer that was not heard of for this long counts as unreachable. */
const silentMsMax = 4 * periodMs;
const fingerprint = createHash('sha256').update(limitsFingerprint()).digest();

/** What the nodes tell each other about themselves: for status, round trips and the comparison of clocks and limits. */
export class Gossip {
  readonly #ports: GossipPorts;
  readonly #peers = new Map<NodeId, Peer>();
  #ping = 0;
  #cancel: Cancel = () => {};

  constructor(ports: GossipPorts) {
    this.#ports = ports;
    const none = { stream: undefined, status: undefined, heardMs: undefined };
    for (const { id, region } of ports.peers) {
      const unmeasured = { roundTripMs: undefined, clockSkewMs: undefined };
      this.#peers.set(id, { id, region, ...none, ...unmeasured, pings: new Map() });
    }
    ports.transport.accept('gossip', (stream, from) => this.#listen(stream, this.#peers.get(from)));
  }

  start(): void {
    this.#tell();
    this.#cancel = every(this.#ports.runtime.timers, periodMs, () => this.#tell());
  }

  stop(): void {
    this.#cancel();
    for (const peer of this.#peers.values()) peer.stream?.close('the node stops');
  }

  statuses(): PeerStatus[] {
    const nowMs = this.#ports.runtime.clock.monotonicMs();
    return [...this.#peers.values()].map((peer) => ({
      node: peer.id,
      region: peer.region,
      reachable: peer.heardMs !== undefined && nowMs - peer.heardMs < silentMsMax,
      roundTripMs: peer.roundTripMs,
      clockSkewMs: peer.clockSkewMs,
      keyspaces: (peer.status?.keyspaces ?? []).map((one) => ({
        name: one.name,
        state: one.state,
        applied: one.seqno,
        position: one.position,
        epoch: one.epoch,
        sequencing: one.sequencing,
        detail: one.detail === '' ? undefined : one.detail,
      })),
    }));
  }

  /** Of each other node: whether it can be reached, and what it last said of a keyspace. */
  copies(name: string): PeerCopy[] {
    const saidBy = (node: NodeId): PeerCopy['said'] =>
      this.#peers.get(node)?.status?.keyspaces.find((one) => one.name === name);
    return this.statuses().map(({ node, region, reachable, roundTripMs }) => {
      return { node, region, reachable, roundTripMs, said: saidBy(node) };
    });
  }

  /** What the other nodes last told of a keyspace, reached now or not; those that were never heard of are left out. */
  told(name: string): ToldByNode[] {
    const told: ToldByNode[] = [];
    for (const { id, status } of this.#peers.values()) {
      const keyspace = status?.keyspaces.find((one) => one.name === name);
      if (keyspace !== undefined) told.push(toldOf(id, keyspace, hasOurLimits(status!)));
    }
    return told;
  }

  /** Why this node must not lead: its clock is too far from those of the peers that it reaches. */
  obstacle(): string | undefined {
    for (const { node, reachable, clockSkewMs } of this.statuses()) {
      if (reachable && clockSkewMs !== undefined && Math.abs(clockSkewMs) > limits.clockSkewMsMax) {
        return `this node's clock and that of ${node} are ${Math.abs(Math.round(clockSkewMs))} ms apart`;
      }
    }
    return undefined;
  }

  /** Whether a node's clock has been compared with this one's. */
  clockCompared(node: NodeId): boolean {
    return node === this.#ports.self || this.#peers.get(node)?.clockSkewMs !== undefined;
  }

  #tell(): void {
    const nowMs = this.#ports.runtime.clock.monotonicMs();
    const keyspaces = this.#ports.keyspaces();
    for (const peer of this.#peers.values()) {
      peer.stream ??= this.#open(peer);
      const ping = ++this.#ping;
      peer.pings.set(ping, nowMs);
      for (const [old, sentMs] of peer.pings) if (nowMs - sentMs > 60_000) peer.pings.delete(old);
      const status: GossipStatus = {
        type: 'status',
        node: this.#ports.self,
        region: this.#ports.region,
        wallMs: this.#ports.runtime.clock.nowMs(),
        ping,
        limitsFingerprint: fingerprint,
        keyspaces,
      };
      peer.stream.send(encodeGossipMessage(status));
    }
  }

  #open(peer: Peer): PeerStream {
    const stream = this.#ports.transport.open(peer.id, 'gossip');
    this.#listen(stream, peer);
    stream.onClose(() => {
      if (peer.stream === stream) peer.stream = undefined;
      peer.pings.clear();
    });
    return stream;
  }

  #listen(stream: PeerStream, peer: Peer | undefined): void {
    const take = (message: GossipMessage): void => this.#onMessage(message, stream, peer);
    readMessages(stream, decodeGossipMessage, take, this.#ports.runtime.logger);
  }

  #onMessage(message: GossipMessage, stream: PeerStream, peer: Peer | undefined): void {
    const { clock } = this.#ports.runtime;
    if (message.type === 'status') {
      if (peer !== undefined) {
        peer.status = message;
        peer.heardMs = clock.monotonicMs();
        this.#compareLimits(message, stream);
      }
      stream.send(encodeGossipMessage({ type: 'pong', ping: message.ping, wallMs: clock.nowMs() }));
      return;
    }
    const sentMs = peer?.pings.get(message.ping);
    if (peer === undefined || sentMs === undefined) return;
    peer.pings.delete(message.ping);
    peer.heardMs = clock.monotonicMs();
    const roundTripMs = clock.monotonicMs() - sentMs;
    peer.roundTripMs = Math.round(roundTripMs * 100) / 100;
    peer.clockSkewMs = Math.round(message.wallMs + roundTripMs / 2 - clock.nowMs());
  }

  #compareLimits(status: GossipStatus, stream: PeerStream): void {
    if (hasOurLimits(status)) return;
    const { self, runtime } = this.#ports;
    runtime.logger.error(
      { self, peer: status.node },
      `the limits of ${self} and ${status.node} differ: they are of different versions`,
    );
    stream.close(`the limits of ${self} and ${status.node} differ`);
  }
}

function hasOurLimits(status: GossipStatus): boolean {
  return fingerprint.equals(status.limitsFingerprint);
}

/** The hash of a node of another version says nothing: that may apply or hash otherwise. */
function toldOf(
  node: NodeId,
  keyspace: GossipStatus['keyspaces'][number],
  isComparable: boolean,
): ToldByNode {
  const { keyspaceId, position, checkMark, checkPosition, checkHash } = keyspace;
  const hash = checkHash.length === 0 ? undefined : Buffer.from(checkHash).toString('hex');
  return {
    node,
    keyspaceId: keyspaceId.length === 0 ? undefined : (uuidFromBytes(keyspaceId) as KeyspaceId),
    position,
    check: checkMark === '' || !isComparable ? undefined : { mark: checkMark, position: checkPosition, hash },
  };
}

/** What is told of one keyspace. */
export function statusOf({ service, node, held, seen }: KeyspaceHost): GossipStatus['keyspaces'][number] {
  const { name, uuid, state, position, applied, epoch, detail } = service.status();
  const check = node?.check.report;
  return {
    name,
    keyspaceId: uuid === undefined ? Buffer.alloc(0) : uuidToBytes(uuid),
    state,
    position: Math.max(0, position),
    seqno: applied,
    hash: held?.chainHash ?? Buffer.alloc(0),
    epoch,
    sequencing: node?.sequencing ?? false,
    detail: detail ?? '',
    checkMark: check?.mark ?? '',
    checkPosition: check?.position ?? 0,
    checkHash: Buffer.from(check?.hash ?? '', 'hex'),
    seenPosition: Math.max(0, seen.tail.position),
    restorable: node?.restorable ?? false,
  };
}
