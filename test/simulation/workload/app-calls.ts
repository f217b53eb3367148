import type { Atomic } from '../../../src/client/atomic.js';
import { MeridianError, OutcomeUnknownError } from '../../../src/client/errors.js';
import type { Commit } from '../../../src/client/options.js';
import type { Transaction } from '../../../src/client/transaction.js';
import type { Entry } from '../../../src/client/values.js';
import { parseGtid } from '../../../src/model/gtid.js';
import type { TransactionId } from '../../../src/model/ids.js';
import { keyFromText, keyToBytes, type Key, type KeyRange } from '../../../src/model/keys.js';
import type { Check, MutationRequest } from '../../../src/model/request.js';
import { waitMsMax, type App } from './app.js';
import { markedText, type Call, type Run } from './app-history.js';
import type { Sent, Word } from './history.js';
import type { Observed, Seen } from './observed.js';
import { anyKey, counters, pickIsolation, pickMutation, pickRange } from './requests.js';

/** A one-shot: checks, mutations of all kinds, a counter. */
export async function atomically(app: App, keyspace: string): Promise<void> {
  const call = begin(app, keyspace);
  const run = nextRun(app, call);
  const atomic = app.keyspace(keyspace).atomic();
  const checks: Check[] = [];
  if (app.random.chance(0.3)) {
    const key = app.random.pick(anyKey);
    atomic.check(keyToBytes(key), 'present');
    checks.push({ key, expect: 'present' });
  }
  for (const mutation of run.mutations) write(atomic, mutation);
  const causal = app.random.chance(0.2);
  await told(app, { call, checks }, () => atomic.commit({ isolation: call.isolation, causal }));
}

/** A function that reads, and writes what depends on that. */
export async function transactionally(app: App, keyspace: string): Promise<void> {
  const call = begin(app, keyspace);
  const keys = [app.random.pick(anyKey), app.random.pick(anyKey)];
  const range = app.random.chance(0.4) ? pickRange(app.random) : undefined;
  const body = async (tx: Transaction): Promise<void> => {
    const run = nextRun(app, call);
    if (call.runs.length > 1) app.history.count('functions that ran again');
    const found = await tx.getMany(keys.map(keyToBytes));
    run.reads.push(...keys.map((key, i): Observed => ({ kind: 'key', key, seen: seenBy(found[i]) })));
    if (range !== undefined) run.reads.push(await scan(range, (options) => tx.list(options)));
    for (const mutation of run.mutations) write(tx, mutation);
  };
  const { isolation } = call;
  await told(app, { call, checks: [] }, () => app.keyspace(keyspace).transact(body, { isolation }));
}

/** A read of keys or of a range: never older than what the client has seen. */
export async function look(app: App, keyspace: string): Promise<void> {
  const { history, random } = app;
  const causal = random.chance(0.3);
  const known = history.known(keyspace);
  const notBelow = Math.max(app.token(keyspace), causal ? known : 0);
  const keys = [random.pick(anyKey), random.pick(anyKey)];
  const range = pickRange(random);
  const service = app.keyspace(keyspace);
  history.count('transactions');
  try {
    const reads: Observed[] = [];
    if (random.chance(0.6)) {
      const found = await service.getMany(keys.map(keyToBytes), { causal });
      reads.push(...keys.map((key, i): Observed => ({ kind: 'key', key, seen: seenBy(found[i]) })));
    } else reads.push(await scan(range, (options) => service.list({ ...options, causal })));
    history.apps.reads.push({
      about: `${app.name}${causal ? ', causally,' : ''}`,
      keyspace,
      notBelow,
      reads,
    });
    history.count('app: reads');
  } catch (error) {
    if (!(error instanceof MeridianError)) throw error;
    history.count(`app: ${error.code}`);
  }
  app.learn(keyspace);
}

function begin(app: App, keyspace: string): Call {
  const { history, random } = app;
  history.count('transactions');
  const mark = `app ${app.name} #${history.apps.calls.size}`;
  const call: Call = { keyspace, mark, isolation: pickIsolation(random), runs: [], told: undefined };
  history.apps.calls.set(mark, call);
  return call;
}

/** What the next run of a call writes: its mark, and what else there is. */
function nextRun(app: App, call: Call): Run {
  const { random } = app;
  const text = markedText(call.mark, call.runs.length);
  const mark: MutationRequest = {
    kind: 'set',
    key: random.pick(anyKey.filter((key) => key.startsWith('register/'))),
    bytes: Buffer.from(text),
    contentType: 'text/plain',
    ttlMs: undefined,
  };
  const mutations: MutationRequest[] = [mark];
  if (random.chance(0.4)) mutations.push(pickMutation(random, call.mark));
  if (random.chance(0.4)) {
    const operand = BigInt(random.between(1, 9));
    mutations.push({ kind: 'sum', key: random.pick(counters), operand, ttlMs: undefined });
  }
  const run: Run = { reads: [], mutations };
  call.runs.push(run);
  return run;
}

/** Makes the call, and notes what is told; an outcome that is unknown is asked for until it is known. */
async function told(
  app: App,
  { call, checks }: { readonly call: Call; readonly checks: readonly Check[] },
  make: () => Promise<Commit>,
): Promise<void> {
  const { history, world } = app;
  const knownBefore = history.known(call.keyspace);
  const beganMs = world.time.nowMs;
  try {
    const { transactionId, gtid, results } = await make();
    const { seqno } = parseGtid(gtid)!;
    const id = transactionId as TransactionId;
    call.told = { kind: 'committed', id, seqno };
    noteSent(app, call, { id, checks, knownBefore, words: [{ kind: 'committed', seqno, results }] });
    history.count('app: commits');
  } catch (error) {
    if (!(error instanceof MeridianError)) throw error;
    history.count(`app: ${error.code}`);
    history.expect(
      error.outcome !== 'committed',
      () => `${call.mark}: ${error.code} says that it is committed`,
    );
    if (error instanceof OutcomeUnknownError) {
      expectPatience(app, error, world.time.nowMs - beganMs);
      call.told = { kind: 'unknown' };
      const id = error.transactionId as TransactionId;
      const words: Word[] = [];
      noteSent(app, call, { id, checks, knownBefore, words });
      words.push(await settled(app, call.keyspace, id));
      history.count(`app: unknown, ${words[0]!.kind}`);
    } else {
      history.expect(
        error.outcome !== 'unknown',
        () => `${call.mark}: ${error.code} leaves the outcome open`,
      );
      call.told = { kind: 'not-committed', code: error.code };
    }
  }
  app.learn(call.keyspace);
}

/** Unknown is said only when the time is over, or nobody could ever tell. */
function expectPatience(app: App, error: OutcomeUnknownError, tookMs: number): void {
  const isTooOld = (error.cause as { code?: string } | undefined)?.code === 'TRANSACTION_ID_TOO_OLD';
  app.history.expect(
    isTooOld || tookMs >= app.requestTimeoutMs - waitMsMax,
    () => `${app.name} gave ${error.transactionId} up as unknown after ${tookMs} ms: ${error.message}`,
  );
}

async function settled(app: App, keyspace: string, id: TransactionId): Promise<Word> {
  for (;;) {
    try {
      const outcome = await app.keyspace(keyspace).resolve(id);
      if (outcome.state === 'aborted') return { kind: 'not-committed', code: outcome.code };
      const { gtid, results } = outcome.commit;
      return { kind: 'committed', seqno: parseGtid(gtid)!.seqno, results };
    } catch (error) {
      if (!(error instanceof OutcomeUnknownError)) throw error;
      if ((error.cause as { code?: string } | undefined)?.code === 'TRANSACTION_ID_TOO_OLD')
        return { kind: 'too-old' };
    }
    await app.world.delay(app.random.between(50, 1000));
  }
}

/** The run that an id is of is known by its mark in the log; the last one is what was sent under an id that was told. */
function noteSent(
  app: App,
  { keyspace, isolation, runs }: Call,
  sent: Pick<Sent, 'id' | 'checks' | 'knownBefore' | 'words'>,
): void {
  const { mutations, reads } = runs.at(-1)!;
  const whole = { ...sent, keyspace, isolation, mutations, reads, requested: [] };
  app.history.sent.push({ ...whole, snapshot: undefined, snapshotMin: 0 });
}

function write(target: Atomic | Transaction, mutation: MutationRequest): void {
  if (mutation.kind === 'deleteRange') return void target.deleteRange(selector(mutation.range));
  const key = keyToBytes(mutation.key);
  if (mutation.kind === 'delete') return void target.delete(key);
  const expiry = mutation.ttlMs === undefined ? {} : { ttlMs: mutation.ttlMs };
  if (mutation.kind !== 'set') return void target[mutation.kind](key, mutation.operand, expiry);
  const { contentType } = mutation;
  target.set(key, Buffer.from(mutation.bytes).toString(), { contentType, ...expiry });
}

function selector({ start, end }: KeyRange) {
  return { start: keyToBytes(start), ...(end === undefined ? {} : { end: keyToBytes(end) }) };
}

const scanned = 8;

/** The first entries of a range, of one page. */
async function scan(
  range: KeyRange,
  list: (options: {
    start: Uint8Array;
    end?: Uint8Array;
    limit: number;
    pageSize: number;
  }) => AsyncIterable<Entry>,
): Promise<Observed> {
  const entries: { key: Key; seen: Seen }[] = [];
  for await (const entry of list({ ...selector(range), limit: scanned, pageSize: scanned }))
    entries.push({ key: keyFromText(entry.key), seen: seenBy(entry)! });
  const isWhole = entries.length < scanned;
  const end = isWhole ? range.end : (`${entries.at(-1)!.key}\0` as Key);
  return { kind: 'range', range: { start: range.start, end }, entries };
}

function seenBy(entry: Entry | undefined): Seen | undefined {
  if (entry === undefined) return undefined;
  const { version, value } = entry;
  return { version, text: typeof value === 'bigint' ? `counter ${value}` : `bytes ${String(value)}` };
}
