import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestCluster, type TestCluster } from '../support/cluster.js';
import { HttpClient, type HttpReply } from '../support/http-client.js';
import { HttpTransaction } from '../support/http-transaction.js';

const isolations = ['serializable', 'snapshot'] as const;
type Isolation = (typeof isolations)[number];

let cluster: TestCluster;
let clients: Map<string, HttpClient>;

beforeAll(async () => {
  cluster = await startTestCluster();
  clients = new Map(cluster.nodes.map(({ id, httpUrl }) => [id, new HttpClient(httpUrl)]));
});
afterAll(() => cluster.discard());

const keyspace = 'default';
/** Where the two transactions run; the keyspace has its home in us-east. */
const places = [
  ['eu-west', 'ap-south'],
  ['us-east', 'eu-west'],
  ['eu-west', 'eu-west'],
  ['us-east', 'us-east'],
] as const;
const cases = places.map((place) => [place.join(' and '), ...place] as const);

const at = (node: string): HttpClient => clients.get(node)!;
let written = 0;
/** A prefix that no other test uses. */
const fresh = (): string => `case-${++written}/`;

async function transact(node: string, body: object): Promise<{ gtid: string; results: unknown[] }> {
  return at(node).json({ method: 'POST', path: `/v1/keyspaces/${keyspace}/transact`, body });
}

const set = (key: string, value: unknown) => ({ set: { key, value } });

/** Two transactions that both see `token`. */
function begin(nodes: readonly string[], isolation: Isolation, token?: string): Promise<HttpTransaction[]> {
  return Promise.all(nodes.map((node) => HttpTransaction.begin(at(node), keyspace, { isolation, token })));
}

/** The loser is told which key and which commit were in its way. */
function expectOneWinner(answers: readonly HttpReply[], conflictKeys: readonly string[]): void {
  const winners = answers.filter(({ status }) => status === 200);
  const losers = answers.filter(({ status }) => status !== 200);
  expect([winners.length, losers.length]).toEqual([1, answers.length - 1]);
  for (const { status, json } of losers) {
    expect(status).toBe(409);
    expect(['CERTIFICATION_CONFLICT', 'TRANSACTION_ABORTED']).toContain(json.code);
    expect(json).toMatchObject({ outcome: 'not-committed', retry: 'new-snapshot' });
    expect(json.conflict.gtid).toBe(winners[0]!.json.gtid);
    expect(conflictKeys).toContain(json.conflict.key);
  }
}

async function values(keys: readonly string[], token: string): Promise<(string | undefined)[]> {
  const { reads } = await at('ap-south').json({
    method: 'POST',
    path: `/v1/keyspaces/${keyspace}/transact`,
    headers: { 'Meridian-Causality': token },
    body: { reads: keys.map((key) => ({ key })), encoding: 'base64' },
  });
  return reads.map((read: { base64?: string }) =>
    read.base64 === undefined ? undefined : Buffer.from(read.base64, 'base64').toString(),
  );
}

describe.each(cases)('two transactions at %s', (_, first, second) => {
  async function skew(isolation: Isolation): Promise<{ answers: HttpReply[]; keys: string[] }> {
    const prefix = fresh();
    const [alice, bob] = [`${prefix}alice`, `${prefix}bob`] as const;
    const { gtid } = await transact('us-east', { mutations: [set(alice, 'on call'), set(bob, 'on call')] });
    const [one, other] = await begin([first, second], isolation, gtid);
    for (const transaction of [one!, other!]) {
      expect([await transaction.get(alice), await transaction.get(bob)]).toEqual(['"on call"', '"on call"']);
    }
    await one!.put(alice, 'off');
    await other!.put(bob, 'off');
    return { answers: await Promise.all([one!.commit(), other!.commit()]), keys: [alice, bob] };
  }

  it('that each read what the other writes: exactly one commits under serializable', async () => {
    const { answers, keys } = await skew('serializable');
    expectOneWinner(answers, keys);
    const winner = answers.find(({ status }) => status === 200)!;
    expect((await values(keys, winner.json.gtid)).sort()).toEqual(['"on call"', 'off']);
  });

  it('that each read what the other writes: both commit under snapshot', async () => {
    const { answers } = await skew('snapshot');
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  });

  it.each(isolations)('that write what both have read: no update is lost under %s', async (isolation) => {
    const key = `${fresh()}balance`;
    const { gtid } = await transact('us-east', { mutations: [set(key, 100)] });
    const [one, other] = await begin([first, second], isolation, gtid);
    const add = async (transaction: HttpTransaction, by: number): Promise<HttpReply> => {
      await transaction.put(key, String(Number(await transaction.get(key)) + by));
      return transaction.commit();
    };
    const read = await Promise.all([one!.get(key), other!.get(key)]);
    expect(read).toEqual(['100', '100']);
    const answers = await Promise.all([add(one!, 1), add(other!, 10)]);
    expectOneWinner(answers, [key]);
    const loser = answers.findIndex(({ status }) => status !== 200);
    const token = answers[loser]!.headers['meridian-causality'] as string;
    const [again] = await begin([loser === 0 ? first : second], isolation, token);
    const retried = await add(again!, loser === 0 ? 1 : 10);
    expect(await values([key], retried.json.gtid)).toEqual(['111']);
  });
});

/** What a scan reads, and a key that comes into it only afterwards. */
const phantoms = [
  ['an empty prefix', { prefix: 'room/' }, 'room/7'],
  ['a range between two keys', { start: 'a', end: 'c' }, 'b'],
  // In UTF-16, JavaScript's own order, this key is below the range.
  ['a range above U+FFFF', { start: '\uffee', end: '\u{10ffff}' }, '\u{10000}'],
  ['a prefix above U+FFFF', { prefix: '\u{1f600}' }, '\u{1f600}!'],
  ['a range in reverse', { start: 'a', end: 'c', reverse: 'true' }, 'b'],
] as const;

describe.each(phantoms)('a key that appears in %s', (_, range, appearing) => {
  const inside = (prefix: string): Record<string, string> =>
    Object.fromEntries(
      Object.entries(range).map(([name, text]) => [name, name === 'reverse' ? text : prefix + text]),
    );

  async function read(isolation: Isolation, nodes: readonly [string, string]): Promise<readonly HttpReply[]> {
    const prefix = fresh();
    const [reader] = await begin([nodes[0]], isolation);
    expect(await reader!.list(inside(prefix))).toEqual([]);
    await reader!.put(`${prefix}sum of what was there`, '0');
    const appeared = await at(nodes[1]).ask({
      method: 'PUT',
      path: `/v1/keyspaces/${keyspace}/keys/${encodeURIComponent(prefix + appearing)}`,
      body: Buffer.from('there'),
    });
    return [appeared, await reader!.commit()];
  }

  it.each(places)('aborts who scanned it, under serializable: %s and %s', async (...nodes) => {
    const answers = await read('serializable', nodes);
    expect(answers[0]!.status).toBe(200);
    expectOneWinner(answers, [answers[1]!.json.conflict?.key]);
    expect(answers[1]!.json.conflict.key.endsWith(appearing)).toBe(true);
  });

  it('does not touch a snapshot transaction', async () => {
    const answers = await read('snapshot', ['ap-south', 'eu-west']);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  });
});

it('lets one of two in that count a range and insert into it, also in one node', async () => {
  for (const nodes of [...places]) {
    const prefix = fresh();
    const both = await begin(nodes, 'serializable');
    for (const transaction of both) expect(await transaction.list({ prefix })).toEqual([]);
    await Promise.all(both.map((transaction, i) => transaction.put(`${prefix}\u{1f4a1}${i}`, 'in')));
    const answers = await Promise.all(both.map((transaction) => transaction.commit()));
    expectOneWinner(answers, [`${prefix}\u{1f4a1}0`, `${prefix}\u{1f4a1}1`]);
  }
});

it('does not abort a scan that ended before the key that appears', async () => {
  const prefix = fresh();
  const { gtid } = await transact('us-east', { mutations: [set(`${prefix}a`, 1), set(`${prefix}b`, 1)] });
  const [reader] = await begin(['eu-west'], 'serializable', gtid);
  expect(await reader!.list({ prefix, limit: '1' })).toEqual([`${prefix}a`]);
  await reader!.put(`${fresh()}elsewhere`, '1');
  await transact('ap-south', { mutations: [set(`${prefix}c`, 1)] });
  expect((await reader!.commit()).status).toBe(200);
});
