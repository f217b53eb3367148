import type { Failure, Result } from '../../../src/model/errors.js';
import { gtid, parseGtid, type Gtid } from '../../../src/model/gtid.js';
import type { KeyspaceId } from '../../../src/model/ids.js';
import { limits } from '../../../src/model/limits.js';
import type { Key } from '../../../src/model/keys.js';
import type { MeridianNode } from '../../../src/server/node.js';
import type { Committed, Freshness, KeyspaceService, ReadAnswer } from '../../../src/transaction/service.js';
import { lost, type Lost, type SimNode } from '../world/sim-node.js';
import type { SeededRandom } from '../world/seeded-random.js';
import type { World } from '../world/world.js';
import type { Carried, History, Sent, Word } from './history.js';
import { observedRange, seen, type Observed } from './observed.js';

/** What is known of an id after an answer. */
export type Standing = Word['kind'] | 'unknown';

type Again = (node: SimNode) => Promise<Standing>;

const committedKept = 300;
const awayMsMax = 30_000;

/** One client: mostly at the node of its region, one request at a time, with a causality token per keyspace. */
export class Client {
  readonly name: string;
  readonly world: World;
  readonly history: History;
  readonly random: SeededRandom;
  /** What it last saw of keys, per keyspace. */
  readonly versions = new Map<string, Map<Key, number | undefined>>();
  readonly #nearest: SimNode;
  readonly #tokens = new Map<string, Carried>();
  readonly #committed: { readonly keyspace: string; readonly atMs: number; readonly again: Again }[] = [];
  /** While false, answers are never lost on the way and no call is given up early. */
  careless = true;

  constructor(world: World, history: History, who: { readonly name: string; readonly nearest: SimNode }) {
    this.world = world;
    this.history = history;
    this.name = who.name;
    this.#nearest = who.nearest;
    this.random = world.random.fork(`client ${who.name}`);
  }

  /** Mostly the nearest; when nobody listens there, the next of its region, or else any. */
  pickNode(): SimNode {
    if (!this.random.chance(0.85)) return this.random.pick(this.world.nodes);
    if (this.#nearest.running !== undefined) return this.#nearest;
    const inRegion = this.world.nodes.filter(
      (node) => node.region === this.#nearest.region && node.running !== undefined,
    );
    this.history.count(inRegion.length > 0 ? 'failed over within a region' : 'failed over to any region');
    return this.random.pick(inRegion.length > 0 ? inRegion : this.world.nodes);
  }

  /** Another node than one that did not answer, or the same one again. */
  anyNode(): SimNode {
    return this.random.pick(this.world.nodes);
  }

  /** `again` submits a committed one-shot another time. */
  noteCommitted(keyspace: string, again: Again): void {
    this.#committed.push({ keyspace, atMs: this.world.time.nowMs, again });
    if (this.#committed.length > committedKept) this.#committed.shift();
  }

  /** Of its own, one that was committed so long ago or a little earlier. */
  committedBefore(keyspace: string, ageMs: number): Again | undefined {
    const atMs = this.world.time.nowMs - ageMs;
    return this.#committed.findLast((one) => one.keyspace === keyspace && one.atMs <= atMs)?.again;
  }

  versionsOf(keyspace: string): Map<Key, number | undefined> {
    const versions = this.versions.get(keyspace) ?? new Map<Key, number | undefined>();
    this.versions.set(keyspace, versions);
    return versions;
  }

  pickFreshness(keyspace: string): Asked {
    const carried = this.random.chance(0.4) ? this.#pickToken(keyspace) : undefined;
    const timeoutMs = this.random.between(300, 4000);
    return { causal: this.random.chance(0.3), token: carried?.token, toldBy: carried?.toldBy, timeoutMs };
  }

  /** Its own, or the newest that any client was told: one app hands it to another. */
  #pickToken(keyspace: string): Carried | undefined {
    return this.random.chance(0.3) ? this.history.newestToken(keyspace) : this.#tokens.get(keyspace);
  }

  /** One call: lost when the node is down or dies, the answer is lost on the way, or the client gives up. */
  async call<T>(
    node: SimNode,
    keyspace: string,
    work: (service: KeyspaceService, running: MeridianNode) => Promise<T>,
  ): Promise<T | Lost> {
    const called = node.call(async (running) => {
      try {
        return await work(running.keyspace(keyspace)!, running);
      } catch (error) {
        this.history.violations.push(`${this.name}: a call to ${node.id}/${keyspace} threw ${String(error)}`);
        return lost;
      }
    });
    const patienceMs = this.careless && this.random.chance(0.15) ? this.random.between(50, 3000) : 15_000;
    const answer = await this.world.within(patienceMs, called, lost);
    const isLost = this.careless && this.random.chance(0.03);
    return isLost ? lost : (answer as T | Lost);
  }

  /** Notes the snapshot that a read was given, and what it promises. */
  sawSnapshot(keyspace: string, at: Gtid, promised: Promised): number {
    const { history: uuid, seqno } = parseGtid(at)!;
    const { knownBefore, knownHere, freshness, node, copy } = promised;
    const about = (): string => `${this.name} at ${node.id}/${keyspace} reads at ${seqno}`;
    if (freshness.causal) {
      this.history.expect(seqno >= knownBefore, () => `${about()}, causally, when ${knownBefore} was known`);
      this.history.count('causal reads');
    }
    if (freshness.token !== undefined) {
      const token = parseGtid(freshness.token)!;
      this.history.expect(seqno >= token.seqno, () => `${about()} with the token ${token.seqno}`);
      this.history.expect(uuid === token.history, () => `${about()} in another history than its token`);
      this.#countCarried(node, freshness.toldBy!);
    }
    if (copy === node.copyOf(keyspace))
      this.history.expect(seqno >= knownHere, () => `${about()} after this node showed ${knownHere}`);
    this.learn(keyspace, node, seqno, uuid);
    return seqno;
  }

  #countCarried(to: SimNode, from: SimNode): void {
    if (to.region !== from.region) this.history.count('tokens carried to another region');
    else if (to !== from) this.history.count('tokens carried to another node of the region');
  }

  promise(node: SimNode, keyspace: string, freshness: Asked): Promised {
    const { history } = this;
    const copy = node.copyOf(keyspace);
    return {
      node,
      copy,
      freshness,
      knownBefore: history.known(keyspace),
      knownHere: history.known(keyspace, copy),
    };
  }

  learn(keyspace: string, node: SimNode, seqno: number, uuid: KeyspaceId): void {
    this.history.tell(keyspace, node.copyOf(keyspace), seqno);
    this.#advanceToken(keyspace, { token: gtid(uuid, seqno as never), toldBy: node });
  }

  #advanceToken(keyspace: string, carried: Carried): void {
    const before = this.#tokens.get(keyspace)?.token;
    if (before !== undefined && parseGtid(carried.token)!.seqno <= parseGtid(before)!.seqno) return;
    this.#tokens.set(keyspace, carried);
    this.history.carry(keyspace, carried);
  }

  /** Notes an answer to a COMMIT, a repetition or a resolution. */
  answered(sent: Sent, node: SimNode, answer: Result<Committed> | Lost): Standing {
    if (answer === lost) {
      this.history.count('unknown: lost answer');
      return 'unknown';
    }
    if (!answer.ok) return this.#failed(sent, node, answer.failure);
    const { transactionId, seqno, gtid: at, results, reads } = answer.value;
    this.history.expect(transactionId === sent.id, () => `${sent.id} was answered as ${transactionId}`);
    sent.words.push({ kind: 'committed', seqno, results });
    if (reads.length > 0) sent.reads.push(...this.observed(sent, reads));
    this.learn(sent.keyspace, node, seqno, parseGtid(at)!.history);
    this.#countSecondNode(sent.keyspace, node);
    if (sent.words.length === 1 && this.world.etcd?.logs.isOfEarlierTerm(sent.keyspace, seqno) === true)
      this.history.count('commits told when their sequencer had lost the role');
    this.world.trace.add(`${this.name}: ${sent.keyspace} ${sent.id} committed at ${seqno}`);
    return 'committed';
  }

  #countSecondNode(keyspace: string, node: SimNode): void {
    const home = this.world.homeOf(keyspace);
    if (node !== home && node.region === home.region)
      this.history.count('commits from a second node of the home region');
  }

  #failed(sent: Sent, node: SimNode, failure: Failure): Standing {
    this.history.count(failure.code);
    this.world.trace.add(
      `${this.name}: ${sent.keyspace} ${sent.id} ${failure.code} ${failure.outcome}: ${failure.message}`,
    );
    if (failure.token !== undefined)
      this.#advanceToken(sent.keyspace, { token: failure.token as Gtid, toldBy: node });
    this.history.expect(
      failure.outcome !== 'committed',
      () => `${sent.id}: ${failure.code} says that it is committed`,
    );
    if (failure.code === 'TRANSACTION_ID_TOO_OLD') {
      this.history.expect(failure.outcome === 'unknown', () => `${sent.id}: too old, and ${failure.outcome}`);
      sent.words.push({ kind: 'too-old' });
      return 'too-old';
    }
    if (failure.outcome === 'not-committed') {
      this.history.count(`not committed: ${failure.code}`);
      sent.words.push({ kind: 'not-committed', code: failure.code });
      return 'not-committed';
    }
    this.history.count(`unknown: ${failure.code}`);
    return 'unknown';
  }

  observed(
    { keyspace, requested }: Pick<Sent, 'keyspace' | 'requested'>,
    reads: readonly ReadAnswer[],
  ): Observed[] {
    const versions = this.versionsOf(keyspace);
    return reads.map((read, i): Observed => {
      if (read.kind === 'key') {
        versions.set(read.key, read.value?.version);
        return { kind: 'key', key: read.key, seen: seen(read.value) };
      }
      for (const { key, value } of read.entries) versions.set(key, value.version);
      const asked = requested[i]!;
      if (asked.kind !== 'range') throw new Error('a point read was answered with a range');
      return observedRange(asked.range, read, asked.reverse);
    });
  }

  /** Goes on until the outcome of an id is known, anywhere: submitted again where that can be, or resolved. */
  async settle(sent: Sent, again: ((node: SimNode) => Promise<Standing>) | undefined): Promise<Standing> {
    this.history.count('unsettled ids');
    let standing: Standing = 'unknown';
    // Away for so long that nobody need tell any more.
    if (this.careless && limits.outcomesMsMax < awayMsMax && this.random.chance(0.004))
      await this.world.delay(this.random.between(limits.outcomesMsMax, awayMsMax));
    for (let waitMsMax = 500; standing === 'unknown'; waitMsMax = Math.min(2 * waitMsMax, 4000)) {
      await this.world.delay(this.random.between(50, waitMsMax));
      const node = this.anyNode();
      if (again !== undefined && this.random.chance(0.6)) {
        this.history.count('submitted again');
        standing = await again(node);
      } else standing = await this.resolve(sent, node);
    }
    this.history.count(`unknown, ${standing}`);
    return standing;
  }

  async resolve(sent: Sent, node: SimNode): Promise<Standing> {
    if (this.random.chance(0.5)) {
      return this.answered(
        sent,
        node,
        await this.call(node, sent.keyspace, (service) => service.commit(sent.id)),
      );
    }
    const rolledBack = await this.call(node, sent.keyspace, (service) => service.rollback(sent.id));
    if (rolledBack === lost) return 'unknown';
    if (!rolledBack.ok) return this.answered(sent, node, rolledBack);
    const state = rolledBack.value;
    this.world.trace.add(`${this.name}: ${sent.keyspace} ${sent.id} is ${state.state} after rollback`);
    if (state.state === 'committed')
      sent.words.push({ kind: 'committed', seqno: state.seqno, results: state.results });
    else if (state.state === 'aborted') sent.words.push({ kind: 'not-committed', code: state.code });
    else return 'unknown';
    return state.state === 'committed' ? 'committed' : 'not-committed';
  }
}

export interface Asked extends Freshness {
  /** The node that told the token. */
  readonly toldBy: SimNode | undefined;
}

export interface Promised {
  readonly node: SimNode;
  /** Of the node, when the request was sent. */
  readonly copy: string;
  readonly freshness: Asked;
  /** Known to anybody, and told by this copy, when the request was sent. */
  readonly knownBefore: number;
  readonly knownHere: number;
}
