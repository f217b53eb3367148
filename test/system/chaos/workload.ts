import { keyFromBytes, keyFromText, prefixRange, type Key } from '../../../src/model/keys.js';
import type { Isolation } from '../../../src/model/write-set.js';
import type { Check, MutationRequest, ReadRequest } from '../../../src/transaction/service.js';
import type { SeededRandom } from '../../simulation/world/seeded-random.js';
import type { Observed, Seen } from '../../simulation/workload/observed.js';
import type { Json } from '../../support/http-client.js';
import { accountBalance, accounts, pots } from './money.js';
import { seenByApp } from './apps.js';
import { interact } from './interactive.js';
import { sendOneShot } from './one-shots.js';
import { readCausally, readElsewhere } from './reads.js';
import type { ChaosRun, Verdict } from './run.js';
import type { Place } from './work.js';

/** Of all bytes: UTF-8 above U+FFFF, where JavaScript's own order differs, and no UTF-8 at all. */
const items: readonly Key[] = [
  ...Array.from({ length: 16 }, (_, i) => keyFromText(`item/${i}`)),
  ...['\uffee', '\u{10000}', '\u{1f600}', '\u{10ffff}'].map((text) => keyFromText(`item/${text}`)),
  ...[0xfe, 0xff].map((byte) => keyFromBytes(Buffer.from([...Buffer.from('item/'), byte]))),
];
const numbers = Array.from({ length: 6 }, (_, i) => keyFromText(`number/${i}`));
const passing = keyFromText('passing/');
const prefixes = ['item/', 'item/1', 'item/\u{10000}', 'number/', 'passing/'].map(keyFromText);

const set = (key: Key, text: string, ttlMs?: number): MutationRequest => ({
  ...{ kind: 'set', key, bytes: Buffer.from(text), contentType: 'text/plain' },
  ttlMs,
});

/** Brings the accounts into being; every later transfer keeps their total. */
export function opening(): MutationRequest[] {
  return [...accounts.map((key) => set(key, String(accountBalance))), ...pots.map((key) => sum(key, 0n))];
}

/** One transaction, or one read, of a client; undefined where no COMMIT was sent. */
export async function work(
  run: ChaosRun,
  place: Place,
  random: SeededRandom,
): Promise<Verdict | 'read' | undefined> {
  const isolation = random.pick<Isolation>(['serializable', 'snapshot']);
  const act = random.weighted<() => Promise<Verdict | 'read' | undefined>>([
    [6, () => sendOneShot(run, place, { isolation, ...anything(random) }, random)],
    [2, () => sendOneShot(run, place, { isolation, mutations: movedSum(random) }, random)],
    [1, () => sendOneShot(run, place, { isolation, mutations: clearedPrefix(random) }, random)],
    [2, () => checkedWrite(run, place, isolation, random)],
    [2, () => transfer(run, place, isolation, random)],
    [2, () => interact(run, place, { isolation, ...interaction(random) }, random)],
    [1, () => readCausally(run, place, random)],
    [1, () => readElsewhere(run, place, random)],
  ]);
  return act();
}

function anything(random: SeededRandom) {
  return {
    causal: random.chance(0.1),
    reads: random.chance(0.6) ? someReads(random) : [],
    mutations: Array.from({ length: random.between(0, 3) }, () => anyMutation(random)),
  };
}

function interaction(random: SeededRandom) {
  return {
    causal: random.chance(0.2),
    reads: someReads(random),
    giveUp: random.chance(0.05),
    decide: () => Array.from({ length: random.between(1, 3) }, () => anyMutation(random)),
  };
}

function someReads(random: SeededRandom): ReadRequest[] {
  return Array.from({ length: random.between(1, 3) }, () =>
    random.chance(0.6)
      ? { kind: 'key', key: random.pick([...items, ...numbers]) }
      : {
          kind: 'range',
          range: prefixRange(random.pick(prefixes)),
          limit: random.pick([3, 1000]),
          reverse: random.chance(0.3),
        },
  );
}

function anyMutation(random: SeededRandom): MutationRequest {
  const operand = BigInt(random.between(-50, 50));
  return random.weighted<() => MutationRequest>([
    [6, () => set(random.pick(items), `value ${random.fraction()}`)],
    [1, () => set(random.pick(items), `passing ${random.fraction()}`, 1000)],
    [2, () => ({ kind: 'delete', key: random.pick(items) })],
    [3, () => sum(random.pick(numbers), operand)],
    [
      1,
      () => ({
        kind: random.pick(['min', 'max'] as const),
        key: random.pick(numbers),
        operand,
        ttlMs: undefined,
      }),
    ],
    [0.2, () => sum(random.pick(items), operand)],
    [0.3, () => ({ kind: 'delete', key: random.pick(numbers) })],
  ])();
}

function sum(key: Key, operand: bigint): MutationRequest {
  return { kind: 'sum', key, operand, ttlMs: undefined };
}

/** The pots' total stays 0. */
function movedSum(random: SeededRandom): MutationRequest[] {
  const amount = BigInt(random.between(1, 100));
  return [sum(random.pick(pots), amount), sum(random.pick(pots), -amount)];
}

function clearedPrefix(random: SeededRandom): MutationRequest[] {
  const fill = Array.from({ length: random.between(0, 4) }, () =>
    set(keyFromText(`passing/${random.between(0, 30)}`), `filled ${random.fraction()}`),
  );
  return [{ kind: 'deleteRange', range: prefixRange(passing) }, ...fill];
}

/** Optimistic: reads outside of any transaction, then writes under a check of what it saw. */
async function checkedWrite(run: ChaosRun, place: Place, isolation: Isolation, random: SeededRandom) {
  const key = random.pick(items);
  const expect = await seenNow(place, key);
  if (expect === undefined) return undefined;
  const mutations = [set(key, `checked ${random.fraction()}`)];
  return sendOneShot(run, place, { isolation, checks: [{ key, expect }], mutations }, random);
}

/** What a check has to say of the key as it is; undefined where nobody answers. */
async function seenNow(place: Place, key: Key): Promise<Check['expect'] | undefined> {
  if (place.app !== undefined) return seenByApp(place, key);
  const { region, keyspace } = place;
  const query = new URLSearchParams({
    startBase64: Buffer.from(key, 'latin1').toString('base64url'),
    limit: '1',
  });
  const page = await region.http.send({ path: `/v1/keyspaces/${keyspace}/keys?${query}` });
  if (page.kind !== 'reply' || page.status !== 200) return undefined;
  const found = (page.json.entries as Json[]).find((entry) => keyFromText(entry.key ?? '') === key);
  return found === undefined ? 'absent' : { version: found.version };
}

function transfer(run: ChaosRun, place: Place, isolation: Isolation, random: SeededRandom) {
  const from = random.pick(accounts);
  const to = random.pick(accounts.filter((account) => account !== from));
  const amount = random.between(1, 20);
  const balance = (observed: Observed | undefined): number => Number(textOf(observed)?.replace('bytes ', ''));
  const decide = ([a, b]: readonly Observed[]): MutationRequest[] => {
    return [set(from, String(balance(a) - amount)), set(to, String(balance(b) + amount))];
  };
  const reads = [from, to].map((key): ReadRequest => ({ kind: 'key', key }));
  return interact(run, place, { isolation, causal: false, reads, decide, giveUp: false }, random);
}

function textOf(observed: Observed | undefined): string | undefined {
  return (observed?.kind === 'key' ? observed.seen : (undefined as Seen | undefined))?.text;
}
