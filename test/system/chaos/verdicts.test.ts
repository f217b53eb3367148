import { expect, it } from 'vitest';
import { zeroHash } from '../../../src/model/entry.js';
import { epoch, type KeyspaceId, type TransactionId } from '../../../src/model/ids.js';
import { firstKey, type Key } from '../../../src/model/keys.js';
import { ReplayedLog } from '../../simulation/checks/replayed-log.js';
import type { Sent } from '../../simulation/workload/history.js';
import type { Observed, Seen } from '../../simulation/workload/observed.js';
import { atomic, Chain, key, set, testId, transaction } from '../../support/chain.js';
import { ChaosRun } from './run.js';
import { judgeLog, judgeState } from './verdicts.js';
import { pots } from './money.js';

/** Two commits that all is well with: the second read what the first wrote. */
interface Scenario {
  readonly run: ChaosRun;
  readonly first: Sent;
  readonly second: Sent;
  readonly items: ReturnType<typeof transaction>[];
  readonly state: Map<Key, Seen>;
}

const ids = [testId(1), testId(2)] as const;
const openPots = pots.map((pot) => atomic('sum', pot, 0n));

function mutationsOf(n: number) {
  return [
    ...(n === 1 ? openPots : []),
    set('item/0', `by ${n}`),
    set(`marker/${n}`, 'here'),
    atomic('sum', 'count', 1n),
  ];
}

function entriesOf(items: Scenario['items']): Buffer[] {
  const chain = new Chain({ position: -1, seqno: 0, epoch: epoch(0), chainHash: zeroHash });
  const keyspaceId = '8f14e45f-ceea-467f-a7b1-4b0b9b1c5a11' as KeyspaceId;
  return [
    chain.next({ kind: 'genesis', keyspaceId, keyspace: 'default' }),
    chain.barrier(),
    chain.batch(items),
  ];
}

function allIsWell(): Scenario {
  const run = new ChaosRun('hand-made', []);
  run.anonymous.set('default', []);
  const [first, second] = ids.map((id, i) => write(run, id, i + 1));
  first!.words.push({ kind: 'committed', seqno: 1, results: undefined });
  second!.words.push({ kind: 'committed', seqno: 2, results: undefined });
  const seen = { version: 1, text: 'bytes by 1' };
  second!.reads.push({ kind: 'key', key: key('item/0'), seen });
  const items = ids.map((id, i) => transaction(id, mutationsOf(i + 1)));
  return { run, first: first!, second: second!, items, state: stateOf(items) };
}

function write(run: ChaosRun, id: TransactionId, n: number): Sent {
  const mutations = mutationsOf(n).map(
    (mutation) => ({ ...mutation, ttlMs: undefined }) as Sent['mutations'][number],
  );
  const shape = { keyspace: 'default', id, isolation: 'serializable', mutations } as const;
  const told = { knownBefore: 0, snapshot: n - 1, snapshotMin: 0, reads: [], words: [] };
  const sent = { ...shape, ...told, checks: [], requested: [] };
  return run.write(sent, key(`marker/${n}`)).sent;
}

function stateOf(items: Scenario['items']): Map<Key, Seen> {
  const log = new ReplayedLog();
  for (const bytes of entriesOf(items)) log.add(bytes);
  const present = log.rangeAt({ start: firstKey, end: undefined }, log.tail);
  return new Map(present.map(({ key: at, seen }) => [at, seen]));
}

function judge({ run, items, state }: Scenario): string {
  return [
    ...judgeState(run, 'default', state),
    ...judgeLog(run, 'default', entriesOf(items), { state, seqno: items.length }),
  ].join('\n');
}

it('finds nothing wrong where nothing is', () => {
  expect(judge(allIsWell())).toBe('');
});

it('finds an acknowledged commit that is lost', () => {
  const { items, ...scenario } = allIsWell();
  const kept = items.slice(0, 1);
  const verdict = judge({ ...scenario, items: kept, state: stateOf(kept) });
  expect(verdict).toMatch(/is acknowledged and lost/);
  expect(verdict).toMatch(/was acknowledged at seqno 2 and is not in the log/);
});

it('finds a commit that is there twice', () => {
  const { items, ...scenario } = allIsWell();
  const doubled = [...items, items[1]!];
  const verdict = judge({ ...scenario, items: doubled, state: stateOf(doubled) });
  expect(verdict).toMatch(/counter 3 after 2 commits: lost or doubled/);
  expect(verdict).toMatch(/has two outcomes/);
});

it('finds a commit that was said not to be', () => {
  const scenario = allIsWell();
  scenario.first.words.splice(0, 1, { kind: 'not-committed', code: 'CERTIFICATION_CONFLICT' });
  expect(judge(scenario)).toMatch(/is refused and there[^]*was said not to be committed/);
});

it.each<[string, Observed]>([
  [
    'a value that was not there',
    { kind: 'key', key: key('item/0'), seen: { version: 1, text: 'bytes by 7' } },
  ],
  ['an absent key that was there', { kind: 'key', key: key('item/0'), seen: undefined }],
  [
    'a range with a key too few',
    { kind: 'range', range: { start: key('item/'), end: key('item0') }, entries: [] },
  ],
])('finds %s among the reads', (_, observed) => {
  const scenario = allIsWell();
  scenario.second.reads.splice(0, 1, observed);
  expect(judge(scenario)).toMatch(/serializable .* at seqno 2: /);
});

it('finds an id without an outcome, and a transaction that nobody sent', () => {
  const scenario = allIsWell();
  scenario.first.words.length = 0;
  expect(judge(scenario)).toMatch(/was never learnt/);
  const stranger = transaction(testId(3), [set('item/1')]);
  const items = [...scenario.items, stranger];
  expect(judge({ ...scenario, items, state: stateOf(items) })).toMatch(/nobody sent .* at seqno 3/);
});

it('finds a store that shows something else than its log', () => {
  const scenario = allIsWell();
  scenario.state.set(key('item/0'), { version: 2, text: 'bytes changed' });
  expect(judge(scenario)).toMatch(/the log leaves item\/0 as bytes by 2/);
});
