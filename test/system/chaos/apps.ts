import {
  connect,
  MeridianError,
  OutcomeUnknownError,
  type Atomic,
  type Client,
  type Entry,
  type Keyspace,
  type Transaction,
} from '../../../src/client/index.js';
import { assertNever } from '../../../src/model/assert.js';
import { seqno, type TransactionId } from '../../../src/model/ids.js';
import { keyAfter, keyFromBytes, keyToBytes, type Key, type KeyRange } from '../../../src/model/keys.js';
import type { Check, MutationRequest, ReadRequest } from '../../../src/transaction/service.js';
import type { SeededRandom } from '../../simulation/world/seeded-random.js';
import type { Sent } from '../../simulation/workload/history.js';
import type { Observed, Seen } from '../../simulation/workload/observed.js';
import { eventually } from '../../support/eventually.js';
import { resolveOutcome } from './resolution.js';
import type { ChaosRun, Verdict } from './run.js';
import { seqnoOf } from './wire.js';
import { tracked, type Interaction, type OneShot, type Place } from './work.js';

type Bytes = Keyspace<Uint8Array>;

/** What one call of an app did in its last run. */
type Done = Pick<Sent, 'isolation' | 'mutations' | 'checks' | 'reads' | 'snapshotMin' | 'knownBefore'>;

/** A client with all endpoints, those of its own region first. It moves on when its node dies, and tries again by itself. */
export function connectApp(endpoints: readonly string[]): Promise<Client> {
  return connect({ endpoints });
}

/** How long an app waits for a home that is down, ms: some give up, and have an outcome to resolve. */
const patienceMs = [3000, 10_000] as const;

/** A one-shot by the SDK, which gives it its ids. What it reads beside its checks is left out: one-shots of apps only write. */
export function oneShotOfApp(
  run: ChaosRun,
  place: Place,
  shot: OneShot,
  random: SeededRandom,
): Promise<Verdict> {
  const { marker, mutations } = tracked(run);
  const knownBefore = run.history.known(place.keyspace);
  const { isolation, checks = [], causal = false } = shot;
  const all = [...shot.mutations, ...mutations];
  const timeoutMs = random.pick(patienceMs);
  const atomic = keyspaceOf(place).atomic();
  for (const { key, expect } of checks)
    atomic.check(keyToBytes(key), typeof expect === 'string' ? expect : expect.version);
  for (const mutation of all) mutate(atomic, mutation);
  const snapshotMin = causal ? knownBefore : 0;
  const done = { isolation, mutations: all, checks, reads: [], snapshotMin, knownBefore };
  const call = (): Promise<Committed> => atomic.commit({ isolation, causal, timeoutMs });
  return told(run, { ...place, marker, call, done: () => done }, random);
}

class GivenUp extends Error {}

/** An interaction as a function that `transact` runs as often as it takes. */
export function interactionOfApp(
  run: ChaosRun,
  place: Place,
  plan: Interaction,
  random: SeededRandom,
): Promise<Verdict> {
  const { isolation, causal } = plan;
  const { marker, mutations } = tracked(run);
  const knownBefore = run.history.known(place.keyspace);
  const snapshotMin = causal ? knownBefore : 0;
  const timeoutMs = random.pick(patienceMs);
  let last: Done | undefined;
  const body = async (tx: Transaction<Uint8Array>): Promise<void> => {
    const reads = await Promise.all(plan.reads.map((read) => readInside(tx, read)));
    const all = [...plan.decide(reads), ...mutations];
    last = { isolation, mutations: all, checks: [], reads, snapshotMin, knownBefore };
    for (const mutation of all) mutate(tx, mutation);
    if (plan.giveUp) throw new GivenUp();
  };
  const call = (): Promise<Committed> => keyspaceOf(place).transact(body, { isolation, causal, timeoutMs });
  return told(run, { ...place, marker, call, done: () => last! }, random);
}

interface Committed {
  readonly transactionId: string;
  readonly gtid: string;
  readonly results: readonly (bigint | null)[];
}

interface Told extends Place {
  readonly marker: ReturnType<typeof tracked>['marker'];
  readonly call: () => Promise<Committed>;
  /** Of the run that was committed, or that may have been. */
  readonly done: () => Done;
}

/** Records what a call ended with. What was never committed leaves no id: its marker must then be nowhere. */
async function told(run: ChaosRun, told: Told, random: SeededRandom): Promise<Verdict> {
  const record = (id: string) =>
    run.write(
      {
        ...told.done(),
        keyspace: told.keyspace,
        id: id as TransactionId,
        requested: [],
        snapshot: undefined,
        words: [],
      },
      told.marker,
    );
  try {
    const { transactionId, gtid, results } = await told.call();
    const verdict: Verdict = { kind: 'committed', seqno: seqnoOf(gtid), results };
    run.note(record(transactionId).sent, verdict);
    run.history.count('committed by apps');
    return verdict;
  } catch (error) {
    if (error instanceof GivenUp) return { kind: 'not-committed', code: 'given up' };
    if (!(error instanceof MeridianError)) throw error;
    if (error.outcome === 'not-committed') {
      run.history.count(`${error.code} in apps`);
      return { kind: 'not-committed', code: error.code };
    }
    if (!(error instanceof OutcomeUnknownError)) throw error;
    const written = record(error.transactionId);
    written.traceless = true;
    const unresolved = {
      written,
      keyspace: told.keyspace,
      hard: true,
      // Its node may be of any region: an app moves on when its own is down.
      mayBeOpen: true,
      region: told.region,
      again: undefined,
    };
    run.history.count('unknown in apps');
    run.inBackground(
      random.chance(0.5) ? resolveInApp(run, told, written) : resolveOutcome(run, unresolved, random),
    );
    return { kind: 'unknown', hard: true, why: error.code };
  }
}

async function resolveInApp(
  run: ChaosRun,
  place: Place,
  written: ReturnType<ChaosRun['write']>,
): Promise<void> {
  const { id } = written.sent;
  written.unknown = true;
  const outcome = await eventually(() => keyspaceOf(place).resolve(id), { withinMs: 60_000, what: id });
  const verdict: Verdict =
    outcome.state === 'committed'
      ? { kind: 'committed', seqno: outcome.commit.version, results: outcome.commit.results }
      : { kind: 'not-committed', code: outcome.code };
  run.note(written.sent, verdict);
  run.history.count(`unknown, then ${verdict.kind}`);
}

/** Undefined where no node answers in time. */
export async function seenByApp(place: Place, key: Key): Promise<Check['expect'] | undefined> {
  try {
    const [entry] = await keyspaceOf(place).getMany([keyToBytes(key)], { timeoutMs: 5000 });
    return entry === undefined ? 'absent' : { version: seqno(entry.version) };
  } catch (error) {
    if (error instanceof MeridianError) return undefined;
    throw error;
  }
}

function keyspaceOf({ app, keyspace }: Place): Bytes {
  return app!.keyspace(keyspace, { keys: 'bytes', values: 'bytes' });
}

function mutate(to: Atomic | Transaction<Uint8Array>, mutation: MutationRequest): void {
  switch (mutation.kind) {
    case 'set': {
      const { bytes, contentType, ttlMs } = mutation;
      to.set(keyToBytes(mutation.key), bytes, { contentType, ...(ttlMs === undefined ? {} : { ttlMs }) });
      return;
    }
    case 'delete':
      to.delete(keyToBytes(mutation.key));
      return;
    case 'deleteRange':
      to.deleteRange(selectorOf(mutation.range));
      return;
    case 'sum':
    case 'min':
    case 'max':
      to[mutation.kind](keyToBytes(mutation.key), mutation.operand);
      return;
    default:
      assertNever(mutation);
  }
}

function selectorOf({ start, end }: KeyRange) {
  return { start: keyToBytes(start), ...(end === undefined ? {} : { end: keyToBytes(end) }) };
}

async function readInside(tx: Transaction<Uint8Array>, read: ReadRequest): Promise<Observed> {
  if (read.kind === 'key') {
    const entry = await tx.get(keyToBytes(read.key));
    return { kind: 'key', key: read.key, seen: entry === undefined ? undefined : seenOf(entry) };
  }
  const { range, limit, reverse } = read;
  const entries: { key: Key; seen: Seen }[] = [];
  for await (const entry of tx.list({ ...selectorOf(range), limit, reverse }))
    entries.push({ key: keyFromBytes(entry.key), seen: seenOf(entry) });
  const last = entries.at(-1)?.key;
  if (entries.length < limit || last === undefined) return { kind: 'range', range, entries };
  const scanned = reverse ? { start: last, end: range.end } : { start: range.start, end: keyAfter(last) };
  return { kind: 'range', range: scanned, entries };
}

function seenOf({ value, version }: Entry<unknown, Uint8Array>): Seen {
  const text =
    typeof value === 'bigint' ? `counter ${value}` : `bytes ${Buffer.from(value as Uint8Array).toString()}`;
  return { version, text };
}
