import { fail, type Result } from '../model/errors.js';
import type { NodeId, Seqno } from '../model/ids.js';
import { limits } from '../model/limits.js';
import { every, type Cancel, type Runtime } from '../runtime/runtime.js';
import {
  StoreDamaged,
  type AppliedEntry,
  type Condemned,
  type Head,
  type KeyspaceStore,
} from '../storage/store.js';
import type { CheckStatus } from '../transaction/service.js';
import { checkHash } from './check-hash.js';
import { judgeCheck } from './judge-check.js';
import type { ReportedCheck, ToldByNode } from './told-by-node.js';

type Marked = Result<{ readonly mark: string; readonly position: number }>;

export interface ConsistencyCheckPorts {
  readonly self: NodeId;
  /** The node whose store is the log. */
  /** The node whose copy is the log; undefined where nodes share the log. */
  readonly home: NodeId | undefined;
  /** Every node of the keyspace, this one included. */
  readonly nodes: readonly NodeId[];
  readonly store: KeyspaceStore;
  readonly told: () => readonly ToldByNode[];
  readonly runtime: Runtime;
  /** ms between the marks of the schedule, which the sequencing node puts; 0: none. */
  readonly everyMs: number;
  /** Puts a mark into the log; undefined where this node does not sequence now. */
  readonly mark: () => Promise<Marked> | undefined;
  /** This node's copy is wrong and must not be served; called once, when that is found. `why` is for the operator. */
  readonly onWrong: (why: string) => void;
}

/** The check at the mark that was applied last. */
interface Run {
  readonly mark: string;
  readonly position: number;
  readonly seqno: Seqno;
  readonly startedMs: number;
  /** This node's; and all that were reported, this one included. */
  hash: string | undefined;
  readonly hashes: Map<NodeId, string>;
  hashedMs: number | undefined;
  verdict: CheckStatus['verdict'];
  detail: string;
}

const periodMs = 500;
/** How long nodes that have not reported are waited for, once this node has its hash. */
const reportsMsMax = 60_000;
const tookTooLong = `it would have taken longer than ${limits.checkMsMax / 3_600_000} hours`;

/**
 * At each mark in the log every node takes the same snapshot, hashes it in the background and tells the others the hash;
 * each compares. A newer mark takes the place of one that is still being hashed.
 */
export class ConsistencyCheck {
  readonly #ports: ConsistencyCheckPorts;
  readonly #cancel: Cancel;
  readonly #unsubscribe: () => void;
  #run: Run | undefined;
  #wrong: Condemned | undefined;
  #damageNoted: Promise<void> | undefined;
  #markedMs: number;
  #stopped = false;

  constructor(ports: ConsistencyCheckPorts) {
    this.#ports = ports;
    const { store, runtime } = ports;
    this.#wrong = store.condemned;
    this.#markedMs = runtime.clock.monotonicMs();
    this.#unsubscribe = store.onApplied((applied, head) => this.#onApplied(applied, head));
    this.#cancel = every(runtime.timers, periodMs, () => {
      void this.#noteDamage();
      this.#judge();
      this.#markWhenDue();
    });
  }

  get status(): CheckStatus | undefined {
    if (this.#run === undefined) return undefined;
    const { mark, position, seqno, startedMs, hash, verdict, detail } = this.#run;
    return { mark, position, seqno, startedMs, hash, verdict, detail };
  }

  /** For the other nodes. */
  get report(): ReportedCheck | undefined {
    if (this.#run === undefined) return undefined;
    const { mark, position, hash } = this.#run;
    return { mark, position, hash };
  }

  /** Why, and since when, this node must not serve; also what a check before a restart found. */
  get wrong(): Condemned | undefined {
    return this.#wrong;
  }

  /** On demand. OPERATION_REFUSED where this node does not sequence, and while it still hashes at an earlier mark. */
  check(): Promise<Marked> {
    if (this.#isHashing()) {
      const refused = `the check at mark ${this.#run?.mark} is still running here`;
      return Promise.resolve(fail('OPERATION_REFUSED', refused));
    }
    const elsewhere = 'this node does not sequence the keyspace now: ask the one that does';
    return this.#ports.mark() ?? Promise.resolve(fail('OPERATION_REFUSED', elsewhere));
  }

  /** Resolves when what is known to be damaged is noted; the store is still open then. */
  stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    this.#unsubscribe();
    return this.#noteDamage();
  }

  #isHashing(): boolean {
    return this.#run?.verdict === 'running' && this.#run.hash === undefined;
  }

  #markWhenDue(): void {
    const { everyMs, runtime, mark } = this.#ports;
    const nowMs = runtime.clock.monotonicMs();
    if (everyMs === 0 || nowMs - this.#markedMs < everyMs || this.#run?.verdict === 'running') return;
    const marking = mark();
    if (marking === undefined) return;
    this.#markedMs = nowMs;
    void marking.then((marked) => {
      if (!marked.ok) runtime.logger.warn({ why: marked.failure.message }, 'no consistency check was begun');
    });
  }

  /** In the turn in which the store stands at the mark. Behind it, as after a recovery, this node has nothing to say. */
  #onApplied(applied: readonly AppliedEntry[], head: Head): void {
    const last = applied.at(-1)?.entry;
    if (last?.content.kind !== 'mark' || last.position !== head.position) return;
    const { runtime, store } = this.#ports;
    this.#markedMs = runtime.clock.monotonicMs();
    const run: Run = {
      mark: last.content.mark,
      position: head.position,
      seqno: head.seqno,
      startedMs: runtime.clock.nowMs(),
      hash: undefined,
      hashes: new Map(),
      hashedMs: undefined,
      verdict: 'running',
      detail: 'this node hashes its state',
    };
    this.#run = run;
    const endMs = runtime.clock.monotonicMs() + limits.checkMsMax;
    const isWanted = (): boolean => this.#isNow(run) && runtime.clock.monotonicMs() < endMs;
    const snapshot = store.snapshot();
    checkHash(snapshot, runtime, isWanted)
      .then((hash) => this.#onHashed(run, hash))
      .catch((error: unknown) => this.#onFailed(run, error))
      .finally(() => snapshot.release());
  }

  #isNow(run: Run): boolean {
    return this.#run === run && !this.#stopped;
  }

  #onHashed(run: Run, hash: string | undefined): void {
    if (hash === undefined) return this.#onFailed(run, new Error(tookTooLong));
    const { runtime } = this.#ports;
    run.hash = hash;
    run.hashes.set(this.#ports.self, hash);
    run.hashedMs = runtime.clock.monotonicMs();
    run.detail = 'waiting for the other nodes';
    runtime.logger.info({ mark: run.mark, position: run.position, hash }, 'state hashed at a mark');
    this.#judge();
  }

  #onFailed(run: Run, error: unknown): void {
    if (!this.#isNow(run)) return;
    run.verdict = 'incomplete';
    run.detail = `this node has no hash: ${(error as Error).message}`;
    const { logger } = this.#ports.runtime;
    if (error instanceof StoreDamaged) logger.error({ error, mark: run.mark }, 'a check found damage');
    else logger.warn({ error, mark: run.mark }, 'the state at a mark was not hashed');
  }

  #judge(): void {
    const run = this.#run;
    if (run?.hashedMs === undefined || run.verdict === 'equal') return;
    const { self, home, nodes, told, runtime } = this.#ports;
    const { hashes } = run;
    for (const { node, check } of told()) {
      if (check?.mark === run.mark && check.hash !== undefined) hashes.set(node, check.hash);
    }
    const isOver = runtime.clock.monotonicMs() - run.hashedMs >= reportsMsMax;
    const { verdict, detail, isWrongHere } = judgeCheck({ self, home, nodes, hashes, isOver });
    const before = run.verdict;
    run.detail = detail;
    run.verdict = verdict === 'waiting' ? 'running' : verdict;
    if (isWrongHere) this.#stopServing(run);
    if (run.verdict === before || run.verdict === 'running') return;
    const fields = { mark: run.mark, position: run.position, verdict: run.verdict, detail };
    if (run.verdict === 'equal') runtime.logger.info(fields, 'consistency check');
    else runtime.logger.error(fields, 'consistency check');
  }

  #stopServing({ mark, position, detail }: Run): void {
    if (this.#wrong !== undefined) return;
    const { runtime, self, onWrong } = this.#ports;
    const why = `the state of ${self} differs at mark ${mark}, position ${position} (${detail})`;
    this.#wrong = { why, sinceMs: runtime.clock.nowMs() };
    runtime.logger.error({ why }, 'this node stops serving the keyspace');
    onWrong(why);
    void this.#condemn(this.#wrong);
  }

  /** What reading has found is found again after a restart only where it is read again. */
  #noteDamage(): Promise<void> {
    const { store, runtime } = this.#ports;
    if (store.damage === undefined || store.condemned !== undefined) return Promise.resolve();
    const condemned = { why: `damaged: ${store.damage}`, sinceMs: runtime.clock.nowMs() };
    return (this.#damageNoted ??= this.#condemn(condemned));
  }

  async #condemn(condemned: Condemned): Promise<void> {
    const { store, runtime } = this.#ports;
    await store.condemn(condemned).catch((error: unknown) => {
      const until =
        'it is not noted that this copy is wrong: after a restart it is served until that is found again';
      runtime.logger.error({ error }, until);
    });
  }
}
