import { EtcdError, type EtcdKv, type EtcdLease, type EtcdTxn } from '../../../src/ordering/etcd/etcd-kv.js';
import type { RegionId } from '../../../src/model/ids.js';
import { EtcdCaller, type EtcdAnswer, type EtcdCall } from '../../support/etcd-caller.js';
import { EtcdModel } from '../../support/etcd-model.js';
import type { EtcdShape } from './etcd-shape.js';
import { majorityMs } from './etcd-shape.js';
import type { Incarnation } from './incarnation.js';
import type { Network } from './network.js';
import type { SeededRandom } from './seeded-random.js';
import { appendOf, SharedLogs, trimOf, type Watching } from './shared-logs.js';
import { distanceMs, regionIds, type Place } from './topology.js';

/** Its name on the network: every node has links to it. */
export const etcdName = 'etcd';

/** etcd looks for leases that have run out so often, and does not always get to all of them. */
const expiryEveryMs = 500;
const likelyExpiry = 0.6;
const leaseMsMin = 2000;
const jitterMsMax = 3;
/** A request that its sender has given up may still come so late. */
const lateMsMax = 12_000;

type Fate = 'in time' | 'lost' | 'late' | 'answer lost';

interface Under {
  readonly life: Incarnation;
  readonly call: EtcdCall;
  readonly fate: Fate;
  readonly settle: (settle: 'answer' | 'error', what: unknown) => void;
}

/**
 * etcd behind the simulated network: its semantics are the model's, and every call takes its way and a majority's
 * agreement, is lost, late, or executed without an answer. Calls of one client overtake each other.
 */
export class SimEtcd {
  readonly model: EtcdModel;
  readonly logs: SharedLogs;
  readonly #shape: EtcdShape;
  readonly #network: Network;
  readonly #random: SeededRandom;
  readonly #regions = new Map<string, RegionId>();
  /** When each lease was granted or last heard of, and the life that it was granted to. */
  readonly #leases = new Map<
    string,
    { readonly life: Incarnation; readonly ttlMs: number; sinceMs: number }
  >();
  /** Appends that were sent and whose answer is awaited. */
  readonly #appending = new Map<Incarnation, number>();
  /** Transactions that will be executed, or may be. */
  readonly #onTheirWay = new Set<EtcdTxn>();
  #leader: RegionId;
  #likelyLoss: number;
  #downUntilMs = 0;
  /** How likely a call goes wrong now, beside what the world has always. */
  likelyTrouble = 0;
  /** The next that writes is executed, and told that there was no room. */
  #isOnTheBrink = false;

  constructor(
    shape: EtcdShape,
    network: Network,
    { places, ...watching }: Omit<Watching, 'model'> & { places: readonly Place[] },
  ) {
    this.#shape = shape;
    this.#network = network;
    this.#random = network.random.fork('etcd');
    this.#leader = shape.leader;
    this.#likelyLoss = shape.likelyLoss;
    this.model = new EtcdModel({ leaseMsMin, onChange: (change) => this.logs.changed(change) });
    this.logs = new SharedLogs({ ...watching, model: this.model });
    for (const { id, region } of places) {
      this.#regions.set(id, region);
      // What there is between the nearest member and the leader is drawn for every call: the leader changes.
      network.connect(id, etcdName, 0);
    }
    this.#expireLater();
  }

  /** What a node has of etcd in one life. */
  client(life: Incarnation): EtcdKv {
    return new EtcdCaller((call) => this.#perform(life, call));
  }

  get leaseMs(): number {
    return this.#shape.leaseMs;
  }

  /** Whether appends of a life may or may not have happened now. */
  isAppending(life: Incarnation): boolean {
    return (this.#appending.get(life) ?? 0) > 0;
  }

  /** Below it nothing of a log is kept, or nothing may be once what is on its way has come. */
  oldestSoonOf(keyspace: string): number {
    const trims = [...this.#onTheirWay].map(trimOf).filter((trim) => trim?.keyspace === keyspace);
    return Math.max(this.logs.oldestOf(keyspace), ...trims.map((trim) => trim!.position));
  }

  /** Its leader is gone: nothing happens until another is elected, and then leases have their whole time again. */
  loseLeader(forMs: number): void {
    const { time, trace } = this.#network;
    this.#downUntilMs = Math.max(this.#downUntilMs, time.nowMs + forMs);
    trace.add(`etcd has no leader for ${forMs} ms`);
    time.after(forMs, () => {
      if (this.#isDown) return;
      if (this.#shape.isSpread) this.#leader = this.#random.pick(regionIds);
      trace.add(`etcd has a leader in ${this.#leader}`);
      for (const lease of this.#leases.values()) lease.sinceMs = time.nowMs;
    });
  }

  /** A lease of a living holder ends before its time, as when somebody revokes it. */
  loseLease(): void {
    const lease = this.#random.pick([...this.#leases.keys(), undefined]);
    if (lease !== undefined) this.#expire(lease);
  }

  exhaust(): void {
    if (this.#random.chance(0.5)) this.#isOnTheBrink = true;
    else this.model.room.isAlarmed = true;
  }

  makeRoom(): void {
    this.#isOnTheBrink = false;
    this.model.room.makeRoom();
  }

  /** Nothing of it is wrong any more. */
  mend(): void {
    this.likelyTrouble = 0;
    this.#likelyLoss = 0;
    this.makeRoom();
  }

  compact(): void {
    this.model.execute({ kind: 'compact', revision: this.model.revision });
  }

  get #isDown(): boolean {
    return this.#network.time.nowMs < this.#downUntilMs;
  }

  #perform(life: Incarnation, call: EtcdCall): Promise<EtcdAnswer> {
    return new Promise((resolve, reject) => {
      let isOver = false;
      const settle: Under['settle'] = (how, what) => {
        if (isOver) return;
        isOver = true;
        cancel();
        this.#countAppend(under, -1);
        if (how === 'answer') return resolve(what as EtcdAnswer);
        if (what instanceof EtcdError && what.problem === 'unknown') this.logs.unanswered(life, call);
        reject(what as Error);
      };
      const cancel = life.after(this.#shape.deadlineMs, () =>
        settle('error', unknown('the deadline is over')),
      );
      const under = { life, call, fate: this.#drawFate(), settle };
      this.#countAppend(under, 1);
      this.#send(under);
    });
  }

  #countAppend({ life, call }: Under, by: number): void {
    if (call.kind !== 'txn' || appendOf(call.txn) === undefined) return;
    this.#appending.set(life, (this.#appending.get(life) ?? 0) + by);
  }

  #drawFate(): Fate {
    const likely = this.#likelyLoss + this.likelyTrouble;
    return this.#random.chance(likely)
      ? this.#random.pick(['lost', 'late', 'answer lost'] as const)
      : 'in time';
  }

  #send(under: Under): void {
    const { life, fate, settle } = under;
    const { time, counts } = this.#network;
    if (fate !== 'in time') counts.add(`etcd: ${fate}`);
    if (fate === 'lost' || fate === 'late') this.#tellOfReset(under);
    if (fate === 'lost') return;
    if (under.call.kind === 'txn') this.#onTheirWay.add(under.call.txn);
    const lateMs = fate === 'late' ? this.#random.between(200, lateMsMax) : 0;
    time.after(lateMs + this.#wayMs(life.node) + this.#agreementMs(), () => this.#arrive(under, settle));
  }

  /** A broken connection is noticed soon, or not before the deadline. */
  #tellOfReset({ life, settle }: Pick<Under, 'life' | 'settle'>): void {
    if (this.#random.chance(0.5))
      life.after(this.#random.between(1, 300), () => settle('error', unknown('connection reset')));
  }

  #arrive(under: Under, settle: Under['settle']): void {
    const { life, call, fate } = under;
    const { time } = this.#network;
    if (this.#isDown || this.#network.link(life.node, etcdName).cut) {
      if (this.#isDown) this.#tellOfReset(under);
      // Kept until it can go on, by somebody on the way; or not.
      if (this.#random.chance(0.95))
        time.after(this.#random.between(50, 400), () => this.#arrive(under, settle));
      else this.#isOver(call);
      return;
    }
    this.#isOver(call);
    const outcome = this.#execute(life, call);
    if (fate === 'answer lost') return this.#tellOfReset(under);
    this.#answer(under, () => settle(...outcome));
  }

  #isOver(call: EtcdCall): void {
    if (call.kind === 'txn') this.#onTheirWay.delete(call.txn);
  }

  #answer(under: Under, give: () => void): void {
    const { life } = under;
    const { time } = this.#network;
    time.after(this.#wayMs(life.node), () => {
      if (!this.#network.link(etcdName, life.node).cut) return void life.after(0, give);
      if (this.#random.chance(0.9))
        time.after(this.#random.between(50, 400), () => this.#answer(under, give));
    });
  }

  #execute(life: Incarnation, call: EtcdCall): ['answer' | 'error', unknown] {
    try {
      const answer = this.logs.during(life, false, () => this.model.execute(call));
      this.logs.executed(life, call, answer);
      this.#noteLease(life, call, answer);
      if (this.#isOnTheBrink && isWriting(call)) {
        this.#isOnTheBrink = false;
        this.model.room.isAlarmed = true;
        this.#network.counts.add('etcd: written, and told that there is no room');
        throw new EtcdError('no-space', 'etcdserver: mvcc: database space exceeded');
      }
      return ['answer', answer];
    } catch (error) {
      return ['error', error];
    }
  }

  #noteLease(life: Incarnation, call: EtcdCall, answer: EtcdAnswer): void {
    const sinceMs = this.#network.time.nowMs;
    if (call.kind === 'grant') {
      const { id, ttlMs } = answer as EtcdLease;
      this.#leases.set(id, { life, ttlMs, sinceMs });
    } else if (call.kind === 'keep-alive') {
      const lease = this.#leases.get(call.lease);
      if (lease !== undefined) lease.sinceMs = sinceMs;
    } else if (call.kind === 'revoke') this.#leases.delete(call.lease);
  }

  #expireLater(): void {
    const { time } = this.#network;
    time.after(expiryEveryMs, () => {
      this.#expireLater();
      if (this.#isDown) return;
      for (const [id, { ttlMs, sinceMs }] of [...this.#leases])
        if (time.nowMs - sinceMs >= ttlMs && this.#random.chance(likelyExpiry)) this.#expire(id);
    });
  }

  #expire(id: string): void {
    const lease = this.#leases.get(id)!;
    this.#network.trace.add(`etcd: a lease of ${lease.life.node} is over`);
    this.#leases.delete(id);
    this.logs.during(lease.life, true, () => this.model.expire(id));
  }

  /** One way between a node and etcd's leader, over the nearest member. */
  #wayMs(node: string): number {
    const region = this.#regions.get(node)!;
    const distant = distanceMs({ region }, { region: this.#leader });
    return distant + this.#random.fraction() * (jitterMsMax + this.#network.unsteadyMs);
  }

  #agreementMs(): number {
    return majorityMs(this.#leader, this.#shape.isSpread);
  }
}

function unknown(why: string): EtcdError {
  return new EtcdError('unknown', why);
}

function isWriting(call: EtcdCall): boolean {
  return call.kind === 'grant' || (call.kind === 'txn' && call.txn.success.some((one) => 'put' in one));
}
