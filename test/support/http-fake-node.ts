import { fail, succeed, type Failure, type Result } from '../../src/model/errors.js';
import { gtid, parseGtid, type Gtid } from '../../src/model/gtid.js';
import {
  keyspaceName,
  nodeId,
  parseKeyspaceId,
  regionId,
  seqno,
  type KeyspaceId,
  type TransactionId,
} from '../../src/model/ids.js';
import { describeKey, keyAfter, rangeContains, type Key, type KeyRange } from '../../src/model/keys.js';
import type { MutationResults } from '../../src/model/outcome.js';
import { applyAtomic, type VersionedValue } from '../../src/model/value.js';
import type {
  ChangeFeed,
  ChangesRequest,
  Check,
  Committed,
  Freshness,
  InteractiveTransaction,
  KeyspaceService,
  KeyspaceStatus,
  ListOptions,
  ListPage,
  ReadNow,
  MutationRequest,
  NodeService,
  TransactRequest,
  TransactionState,
} from '../../src/transaction/service.js';
import { FakeAdmin } from './http-fake-admin.js';
import { FakeChangeFeed } from './fake-change-feed.js';

export const fakeHistory = parseKeyspaceId('0e7a3f62-6c1b-4d0e-9f6e-2b9f1c0d5a11') as KeyspaceId;
export const otherHistory = parseKeyspaceId('ffffffff-6c1b-4d0e-9f6e-2b9f1c0d5a11') as KeyspaceId;

interface Open {
  readonly transaction: InteractiveTransaction;
  readonly mutations: MutationRequest[];
}

/** A keyspace in a Map, for tests of the API's shapes: one writer, no conflicts, no waits. */
export class FakeKeyspace implements KeyspaceService {
  readonly name;
  readonly stored = new Map<Key, VersionedValue>();
  readonly outcomes = new Map<TransactionId, Extract<TransactionState, { state: 'committed' | 'aborted' }>>();
  readonly open_ = new Map<TransactionId, Open>();
  /** What the API handed over, for tests to look at. */
  readonly transacted: TransactRequest[] = [];
  readonly freshnesses: Freshness[] = [];
  readonly changesRequests: ChangesRequest[] = [];
  /** What was opened; a test feeds them. */
  readonly feeds: FakeChangeFeed[] = [];
  /** When set, every operation fails with it. */
  failure: Failure | undefined;
  /** When set, every operation throws it: a bug. */
  bug: Error | undefined;
  statusChanges: Partial<KeyspaceStatus> = {};
  #applied = 0;
  #minted = 0;

  constructor(name: string) {
    this.name = keyspaceName(name);
  }

  get at(): Gtid {
    return gtid(fakeHistory, seqno(this.#applied));
  }

  status(): KeyspaceStatus {
    return {
      ...{ name: this.name, uuid: fakeHistory, home: regionId('us-east'), log: 'memory', epoch: 1 },
      ...{ sequencer: nodeId('us-east-1'), state: 'synced', detail: undefined },
      ...{ applied: seqno(this.#applied), tail: seqno(this.#applied), position: this.#applied + 1 },
      ...{ stalenessMs: 12.4, writable: true, openFeeds: this.feeds.filter(({ closed }) => !closed).length },
      ...{ join: undefined, kept: undefined, check: undefined },
      ...this.statusChanges,
    };
  }

  #judge(freshness?: Freshness): Failure | undefined {
    if (freshness !== undefined) this.freshnesses.push(freshness);
    if (this.bug !== undefined) throw this.bug;
    if (this.failure !== undefined) return this.failure;
    const token = freshness?.token === undefined ? undefined : parseGtid(freshness.token);
    if (token === undefined) return undefined;
    if (token.history !== fakeHistory) {
      return fail('HISTORY_MISMATCH', 'another history', {
        details: { given: token.history, history: fakeHistory },
      }).failure;
    }
    if (token.seqno <= this.#applied) return undefined;
    const details = { required: token.seqno, applied: this.#applied };
    return fail('CAUSAL_READ_TIMEOUT', 'not applied in time', { details }).failure;
  }

  read(
    keys: readonly Key[],
    freshness: Freshness,
  ): Promise<Result<{ gtid: Gtid; values: (VersionedValue | undefined)[] }>> {
    const failure = this.#judge(freshness);
    if (failure !== undefined) return Promise.resolve({ ok: false, failure });
    return Promise.resolve(succeed({ gtid: this.at, values: keys.map((key) => this.stored.get(key)) }));
  }

  readNow(key: Key): ReadNow | undefined {
    const value = this.bug === undefined && this.failure === undefined ? this.stored.get(key) : undefined;
    const { stalenessMs } = this.status();
    return value === undefined ? undefined : { gtid: this.at, value, stalenessMs };
  }

  list(range: KeyRange, options: ListOptions): Promise<Result<ListPage>> {
    const failure = this.#judge(options);
    if (failure !== undefined) return Promise.resolve({ ok: false, failure });
    return Promise.resolve(succeed(this.#page(range, options)));
  }

  #page(range: KeyRange, { limit, reverse }: { limit: number; reverse: boolean }): ListPage {
    const inside = [...this.stored].filter(([key]) => rangeContains(range, key));
    const keys = inside.sort(([a], [b]) => (a < b === reverse ? 1 : -1));
    const entries = keys.slice(0, limit).map(([key, value]) => ({ key, value }));
    const last = entries.at(-1)?.key;
    const more = keys.length > limit && last !== undefined;
    const rest = reverse
      ? { start: range.start, end: last }
      : { start: keyAfter(last ?? ('' as Key)), end: range.end };
    return { gtid: this.at, entries, rest: more ? rest : undefined };
  }

  transact(request: TransactRequest): Promise<Result<Committed>> {
    const failure = this.#judge(request) ?? this.#check(request.checks);
    if (failure !== undefined) return Promise.resolve({ ok: false, failure });
    this.transacted.push(request);
    const reads = request.reads.map((read) =>
      read.kind === 'key'
        ? { kind: 'key' as const, key: read.key, value: this.stored.get(read.key) }
        : { kind: 'range' as const, ...this.#page(read.range, read) },
    );
    const id = request.id ?? this.mint();
    const earlier = this.outcomes.get(id);
    if (earlier?.state === 'committed') {
      const { gtid: at, seqno: seqnoOf, results } = earlier;
      return Promise.resolve(succeed({ transactionId: id, gtid: at, seqno: seqnoOf, results, reads: [] }));
    }
    const results = this.#apply(id, request.mutations);
    return Promise.resolve(
      succeed({ transactionId: id, gtid: this.at, seqno: seqno(this.#applied), results, reads }),
    );
  }

  #check(checks: readonly Check[]): Failure | undefined {
    const failed = checks.filter(({ key, expect }) => {
      const version = this.stored.get(key)?.version;
      if (expect === 'absent') return version !== undefined;
      return expect === 'present' ? version === undefined : version !== expect.version;
    });
    if (failed.length === 0) return undefined;
    const shown = failed.map(({ key }) => ({
      key: describeKey(key),
      actual: this.stored.get(key)?.version ?? null,
    }));
    return fail('CHECK_FAILED', 'a check failed', { details: { checks: shown } }).failure;
  }

  #apply(id: TransactionId, mutations: readonly MutationRequest[]): MutationResults {
    if (mutations.length > 0) this.#applied++;
    const results = mutations.map((mutation) => this.#mutate(mutation));
    this.outcomes.set(id, { state: 'committed', gtid: this.at, seqno: seqno(this.#applied), results });
    return results;
  }

  #mutate(mutation: MutationRequest): bigint | null {
    const version = seqno(this.#applied);
    switch (mutation.kind) {
      case 'set': {
        const { key, bytes, contentType, ttlMs } = mutation;
        const expiresAtMs = ttlMs === undefined ? undefined : 1_000_000 + ttlMs;
        this.stored.set(key, { version, value: { kind: 'bytes', bytes, contentType }, expiresAtMs });
        return null;
      }
      case 'delete':
        this.stored.delete(mutation.key);
        return null;
      case 'deleteRange':
        for (const key of this.stored.keys()) if (rangeContains(mutation.range, key)) this.stored.delete(key);
        return null;
      case 'sum':
      case 'min':
      case 'max': {
        const before = this.stored.get(mutation.key)?.value;
        const count = applyAtomic(
          mutation.kind,
          before?.kind === 'counter' ? before.count : undefined,
          mutation.operand,
        );
        this.stored.set(mutation.key, { version, value: { kind: 'counter', count }, expiresAtMs: undefined });
        return count;
      }
    }
  }

  mint(): TransactionId {
    return `018f0000-0000-7000-8000-${String(this.#minted++).padStart(12, '0')}` as TransactionId;
  }

  begin(options: Freshness): Promise<Result<InteractiveTransaction>> {
    const failure = this.#judge(options);
    if (failure !== undefined) return Promise.resolve({ ok: false, failure });
    const mutations: MutationRequest[] = [];
    const id = this.mint();
    const transaction: InteractiveTransaction = {
      id,
      snapshot: this.at,
      get: (key) => Promise.resolve(succeed(this.#inside(mutations, key))),
      list: (range, listed) => Promise.resolve(succeed(this.#page(range, listed))),
      mutate: (mutation) => Promise.resolve(succeed(void mutations.push(mutation))),
    };
    this.open_.set(id, { transaction, mutations });
    return Promise.resolve(succeed(transaction));
  }

  #inside(mutations: readonly MutationRequest[], key: Key): VersionedValue | undefined {
    const last = mutations.findLast((one) => 'key' in one && one.key === key);
    if (last?.kind !== 'set') return last === undefined ? this.stored.get(key) : undefined;
    const { bytes, contentType } = last;
    return {
      version: seqno(0),
      value: { kind: 'bytes', bytes, contentType },
      expiresAtMs: undefined,
    };
  }

  open(id: TransactionId): Result<InteractiveTransaction> {
    const found = this.open_.get(id);
    if (found !== undefined) return succeed(found.transaction);
    const code = this.outcomes.has(id) ? 'TRANSACTION_FINISHED' : 'TRANSACTION_NOT_FOUND';
    return fail(code, 'not open here', { outcome: 'unknown', details: { transactionId: id } });
  }

  commit(id: TransactionId, mutations: readonly MutationRequest[] = []): Promise<Result<Committed>> {
    const failure = this.#judge();
    if (failure !== undefined) return Promise.resolve({ ok: false, failure });
    const found = this.open_.get(id);
    if (found === undefined && mutations.length > 0) return Promise.resolve(this.open(id) as Result<never>);
    found?.mutations.push(...mutations);
    if (found === undefined && !this.outcomes.has(id)) {
      const details = { transactionId: id };
      return Promise.resolve(fail('TRANSACTION_ABORTED', 'resolved as never to commit', { details }));
    }
    if (found !== undefined) this.#apply(id, found.mutations);
    this.open_.delete(id);
    const state = this.outcomes.get(id)!;
    if (state.state === 'aborted') return Promise.resolve(fail(state.code, 'aborted'));
    const { gtid: at, seqno: seqnoOf, results } = state;
    return Promise.resolve(succeed({ transactionId: id, gtid: at, seqno: seqnoOf, results, reads: [] }));
  }

  rollback(id: TransactionId): Promise<Result<TransactionState>> {
    this.open_.delete(id);
    const outcome = this.outcomes.get(id) ?? {
      state: 'aborted',
      code: 'TRANSACTION_ABORTED',
      conflict: undefined,
    };
    this.outcomes.set(id, outcome);
    return Promise.resolve(succeed(outcome));
  }

  transactionState(id: TransactionId): TransactionState {
    if (this.open_.has(id)) return { state: 'open', snapshot: this.at };
    return this.outcomes.get(id) ?? { state: 'unknown' };
  }

  changes(request: ChangesRequest): Result<ChangeFeed> {
    const failure = this.#judge();
    if (failure !== undefined) return { ok: false, failure };
    this.changesRequests.push(request);
    const feed = new FakeChangeFeed(
      request.from === 'oldest' ? gtid(fakeHistory, seqno(0)) : (request.from ?? this.at),
    );
    this.feeds.push(feed);
    return succeed(feed);
  }

  stateHash(): Promise<Result<{ hash: string; keys: number; gtid: Gtid }>> {
    return Promise.resolve(succeed({ hash: 'ab'.repeat(32), keys: this.stored.size, gtid: this.at }));
  }
}

export class FakeNode implements NodeService {
  readonly cluster = 'test';
  readonly node = nodeId('us-east-1');
  readonly region = regionId('us-east');
  readonly version = '0.1.0';
  readonly default = new FakeKeyspace('default');
  readonly eu = new FakeKeyspace('eu');
  readonly admins = [this.default, this.eu].map((one) => new FakeAdmin(one.name, () => one.status()));
  draining = false;
  /** The minter of every id. */
  minter: { node: ReturnType<typeof nodeId>; httpAddress: string } | undefined;

  keyspace(name: string): KeyspaceService | undefined {
    return this.keyspaces().find((one) => one.name === name);
  }

  admin(name: string): FakeAdmin | undefined {
    return this.admins.find((one) => one.name === name);
  }

  keyspaces(): readonly FakeKeyspace[] {
    return [this.default, this.eu];
  }

  minterOf(): { node: ReturnType<typeof nodeId>; httpAddress: string } | undefined {
    return this.minter;
  }

  peers(): ReturnType<NodeService['peers']> {
    const keyspace = { name: 'default', state: 'synced', applied: 0, position: 1, epoch: 1 };
    return [
      {
        ...{ node: this.node, region: this.region, reachable: true, roundTripMs: 0, clockSkewMs: 0 },
        keyspaces: [{ ...keyspace, sequencing: true, detail: undefined }],
      },
      {
        ...{ node: nodeId('eu-west-1'), region: regionId('eu-west'), reachable: false },
        ...{ roundTripMs: undefined, clockSkewMs: undefined },
        keyspaces: [{ ...keyspace, sequencing: false, detail: 'why' }],
      },
    ];
  }
}
