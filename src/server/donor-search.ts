import type { KeyspaceId, NodeId, RegionId } from '../model/ids.js';
import { delay, type Runtime } from '../runtime/runtime.js';
import type { DonorCandidate } from '../transfer/snapshot-joiner.js';
import { donorsAmong, historyOf, historyThatCounts, isSequencing, type PeerCopy } from './donors.js';

export interface DonorSearchPorts {
  readonly region: RegionId;
  readonly home: NodeId;
  /** Whether nodes share the log: then the history is that of whoever sequences, else that of the home. */
  readonly shared: boolean;
  /** The other nodes, and what they last said of the keyspace. */
  readonly peers: () => readonly PeerCopy[];
  readonly runtime: Runtime;
}

/** For this long what nodes told before may be older than what a join was begun for. */
const gossipMsMax = 3000;
/** For this long a node that starts waits to hear of all others before it chooses among them. */
const gatherMsMax = 1000;
const lookAgainMs = 50;

/** Finds whom a node takes a copy from, out of what gossip tells; knows how new that is. */
export class DonorSearch {
  readonly #ports: DonorSearchPorts;
  readonly #openedMs: number;

  constructor(ports: DonorSearchPorts) {
    this.#ports = ports;
    this.#openedMs = ports.runtime.clock.monotonicMs();
  }

  /** Looks from now on; `history`: that of whoever sequences, as it said itself just now. Each call of the result looks anew. */
  begin(history?: KeyspaceId): () => DonorCandidate[] {
    const sinceMs = this.#ports.runtime.clock.monotonicMs();
    return () => this.#find(sinceMs, history);
  }

  /** Whether a search that had begun with this node finds anyone; waits for as long as gossip may be late, unless `isOver`. */
  async soon(isOver: () => boolean): Promise<boolean> {
    const { clock, timers } = this.#ports.runtime;
    const endMs = clock.monotonicMs() + gossipMsMax;
    for (;;) {
      if (this.#find(this.#openedMs, undefined).length > 0) return true;
      if (isOver() || clock.monotonicMs() >= endMs) return false;
      await delay(timers, lookAgainMs);
    }
  }

  #find(sinceMs: number, begunFor: KeyspaceId | undefined): DonorCandidate[] {
    const { peers, runtime, region, home, shared } = this.#ports;
    const copies = peers();
    const nowMs = runtime.clock.monotonicMs();
    const areAllHeard = copies.every(({ said }) => said !== undefined);
    if (!areAllHeard && nowMs - this.#openedMs < gatherMsMax) return [];
    const isEarly = nowMs - sinceMs < gossipMsMax;
    const authority = shared ? copies.find(isSequencing)?.node : home;
    const told = historyOf(copies.find(({ node }) => node === authority)?.said);
    if (isEarly && begunFor === undefined && told === undefined) return [];
    const history = isEarly && begunFor !== undefined ? begunFor : historyThatCounts(copies, authority);
    return donorsAmong(copies, history ?? begunFor, { region, home: authority ?? home });
  }
}
