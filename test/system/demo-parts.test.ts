import { describe, expect, it } from 'vitest';
import { unnoticedChanges } from '../../demo/alterations.js';
import { dealBatches, loadCities, spread } from '../../demo/cities.js';
import { americas, asiaAndOceania } from '../../demo/placement.js';
import { hashRecords, recordOf, type ListedEntry } from '../../demo/state-records.js';
import { measurementRounds } from '../../demo/rounds.js';
import type { DemoReport } from '../../demo/report.js';
import { holds, judge } from '../../demo/verdict.js';

const listed: readonly ListedEntry[] = [
  { key: 'k', version: 3, expiresAtMs: 1000, base64: 'dg==', contentType: 'text/plain' },
  { key: 'n', version: 2, kind: 'counter', value: -5 },
];
const documentedHash = '3db5fddbd829dad40d2744fadcc0d5e67ee27f29e0de0d0a79fc6858ea7b5c01';

describe('the independent reader', () => {
  it('computes the hash that the documentation gives for its example', () => {
    expect(hashRecords(listed.map(recordOf))).toBe(documentedHash);
  });

  it('refuses keys out of order', () => {
    expect(() => hashRecords(listed.map(recordOf).reverse())).toThrow('out of order');
  });

  it('finds that any change is noticed', () => {
    const records = listed.map(recordOf);
    expect(unnoticedChanges(records, 0, documentedHash)).toEqual([]);
    expect(unnoticedChanges(records, 1, documentedHash)).toEqual([]);
  });

  it('names what can change unnoticed under a wrong hash', () => {
    const records = listed.map(recordOf);
    const later = recordOf({ ...listed[0]!, expiresAtMs: 1001 });
    expect(unnoticedChanges(records, 0, hashRecords([later, records[1]!]))).toEqual(['expiry']);
  });
});

describe('cities', () => {
  it('are all dealt once, and every region gets a third of every keyspace', async () => {
    const cities = await loadCities(undefined);
    const hands = dealBatches(cities, 200, 3);
    const keys = hands.flat().flatMap(({ records }) => records.map(({ key }) => key));
    expect(keys).toHaveLength(135_233);
    expect(new Set(keys).size).toBe(135_233);
    for (const [keyspace, { length }] of cities) {
      expect(length).toBeGreaterThan(20_000);
      for (const hand of hands) {
        const mine = hand.filter((batch) => batch.keyspace === keyspace);
        const count = mine.reduce((sum, { records }) => sum + records.length, 0);
        expect(Math.abs(count - length / 3)).toBeLessThanOrEqual(200);
      }
    }
  });

  it('belong to one keyspace by their country', () => {
    expect([...americas].filter((country) => asiaAndOceania.has(country))).toEqual([]);
  });

  it('are spread evenly when few are asked for', () => {
    expect(spread([0, 1, 2, 3, 4, 5, 6, 7], 4)).toEqual([0, 2, 4, 6]);
    expect(spread([0, 1], 4)).toEqual([0, 1]);
  });
});

describe('the rounds of the measurement', () => {
  const regions = ['us-east', 'eu-west', 'ap-south'];
  const keyspaces = ['default', 'eu', 'ap'].map((name, i) => ({ name, home: regions[i]! }));
  const isHome = (region: string, keyspace: string): boolean =>
    keyspaces.some(({ name, home }) => name === keyspace && home === region);

  it.each([false, true])('have every pair once, wan: %s', (wan) => {
    const pairs = measurementRounds({ regions, keyspaces }, wan).flat();
    expect(new Set(pairs.map(({ region, keyspace }) => `${region} ${keyspace}`)).size).toBe(9);
    expect(pairs).toHaveLength(9);
  });

  it('measure commits at home alone, and never two of one region or keyspace side by side', () => {
    const rounds = measurementRounds({ regions, keyspaces }, true);
    expect(rounds.length).toBeLessThan(9);
    for (const round of rounds) {
      if (round.some(({ region, keyspace }) => isHome(region, keyspace))) expect(round).toHaveLength(1);
      expect(new Set(round.map(({ region }) => region)).size).toBe(round.length);
      expect(new Set(round.map(({ keyspace }) => keyspace)).size).toBe(round.length);
    }
  });
});

describe('the verdict', () => {
  const census = { records: 9, cities: 4, accountsTotal: 8000, receipts: 2, transfers: 2, measured: 1 };
  const node = { hash: 'aa', keys: 9, gtid: 'u:7' };
  const state = (region: string): DemoReport['states'][number] => ({
    ...{ region, keyspace: 'eu', node, readerHash: 'aa', unnoticed: [] },
    census: { ...census, strange: [] },
  });
  const sound: DemoReport = {
    ...{ wan: false, settled: true, transfers: [], commits: [], reads: [] },
    regions: ['eu-west', 'us-east'],
    keyspaces: [{ name: 'eu', home: 'eu-west' }],
    load: { cities: 4, transactions: 1, seconds: 1 },
    states: [state('eu-west'), state('us-east')],
    expected: new Map([['eu', { cities: 4, measured: 1, accountsTotal: 8000, transfers: 2 }]]),
  };
  type State = DemoReport['states'][number];
  const withLast = (change: Partial<State>): DemoReport => ({
    ...sound,
    states: [sound.states[0]!, { ...sound.states[1]!, ...change }],
  });
  const withCensus = (change: Partial<State['census']>): DemoReport =>
    withLast({ census: { ...sound.states[1]!.census, ...change } });

  it('holds when everything is the same', () => {
    expect(judge(sound).flatMap(({ against }) => against)).toEqual([]);
    expect(holds(judge(sound))).toBe(true);
  });

  it.each<[string, DemoReport]>([
    ['a region was not inspected', { ...sound, states: [state('eu-west')] }],
    ['the regions did not settle', { ...sound, settled: false }],
    ['a node has another hash', withLast({ node: { ...node, hash: 'bb' }, readerHash: 'bb' })],
    ['a node is at another seqno', withLast({ node: { ...node, gtid: 'u:8' } })],
    ['the reader found another hash', withLast({ readerHash: 'bb' })],
    ['the state moved under the reader', withLast({ readerHash: undefined })],
    ['the hash misses a field', withLast({ unnoticed: ['expiry'] })],
    ['the node counts another number of records', withLast({ node: { ...node, keys: 10 } })],
    ['a city is missing', withCensus({ cities: 3 })],
    ['money is missing', withCensus({ accountsTotal: 7999 })],
    ['a committed transfer is lost', withCensus({ receipts: 1 })],
    ['a transfer was counted twice', withCensus({ transfers: 3 })],
    ['a measured commit is lost', withCensus({ measured: 0 })],
    ['there is a key that nobody wrote', withCensus({ strange: ['x'] })],
  ])('does not hold when %s', (_, report) => {
    expect(judge(report).filter(({ against }) => against.length > 0)).toHaveLength(1);
  });
});
