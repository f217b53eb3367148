import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import {
  connect,
  MeridianError,
  OutcomeUnknownError,
  UnavailableError,
  type Client,
  type Keyspace,
  type RegionChange,
  type Transaction,
} from '../../src/client/index.js';
import { freePorts } from '../../src/local/ports.js';
import { startTestCluster, type TestCluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { placeAt, type Place } from '../support/sdk-endpoints.js';
import { foldedFrom, Ledger, runTransactions, stateOf, transactOnce, Watcher } from './sdk/app.js';

let cluster: TestCluster;
/** In eu-west: the others are farther away. */
let place: Place;
const clients: Client[] = [];

beforeAll(async () => {
  cluster = await startTestCluster();
  place = await placeAt(cluster, { 'ap-south': 20, 'eu-west': 0, 'us-east': 5 });
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});
afterAll(async () => {
  await place.close();
  await cluster.discard();
});

async function connected(endpoints: readonly string[]): Promise<Client> {
  const client = await connect({ endpoints });
  clients.push(client);
  return client;
}

it('tells an app developer what is wrong, by type and in words', async () => {
  const [nobodys] = await freePorts(1);
  const nobody = `127.0.0.1:${nobodys}`;
  const http = cluster.nodes[0]!.httpUrl.replace('http://', '');
  for (const endpoint of [nobody, http]) {
    const error = await connect({ endpoints: [endpoint], connectTimeoutMs: 2000 }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error).toMatchObject({ code: 'NO_NODE_REACHABLE' });
    expect(String(error)).toContain(`${endpoint}: `);
  }
  const reason = new Error('the app has changed its mind');
  const signal = AbortSignal.abort(reason);
  await expect(connect({ endpoints: place.endpoints, signal })).rejects.toBe(reason);

  const client = await connected([nobody, ...place.endpoints]);
  expect(client.endpoints[0]).toMatchObject({ endpoint: nobody, usable: false, roundTripMs: undefined });
  await expect(client.set('a', 1, { signal })).rejects.toBe(reason);
  await expect(client.keyspace('nowhere').get('a')).rejects.toMatchObject({ code: 'KEYSPACE_NOT_FOUND' });
  await expect(client.set('a', undefined)).rejects.toBeInstanceOf(TypeError);
  await expect(client.sum('a', 0.5)).rejects.toBeInstanceOf(TypeError);
  const watch = client.watch();
  await watch.ready;
  client.close();
  for (const call of [
    client.get('a'),
    client.set('a', 1),
    client.transact((tx) => tx.get('a')),
    watch.next(),
  ])
    await expect(call).rejects.toMatchObject({ code: 'CLIENT_CLOSED', outcome: 'not-committed' });
});

it('shows the app no error, no doubled commit and no gap when its nearest node is killed in the middle', async () => {
  const client = await connected(place.endpoints);
  expect(client.region).toBe('eu-west');
  const survivor = await connected([place.endpoints[2]!]);
  // Their homes are not in eu-west.
  const keyspaces = ['default', 'ap'];
  const ledgers = keyspaces.map((name) => new Ledger(client.keyspace(name)));
  const near = keyspaces.map((name) => new Watcher(client, name, 'now'));
  const far = keyspaces.map((name) => new Watcher(survivor, name, 'oldest'));
  await Promise.all([...near, ...far].map(({ ready }) => ready));
  const moves: RegionChange[] = [];
  client.onRegionChange((change) => void moves.push(change));

  let killed: Promise<unknown> | undefined;
  await runTransactions({ from: 0, to: 1000, workers: 24 }, async (number) => {
    if (number === 400) killed = cluster.node('eu-west').kill();
    await transactOnce(ledgers[number % 2]!, number);
  });
  await killed;
  expect(client.region).toBe('us-east');
  await cluster.node('eu-west').start();
  await eventually(() => client.region === 'eu-west', { withinMs: 60_000, what: 'the way home' });
  expect(moves.map(({ from, to }) => `${from} → ${to}`)).toEqual(['eu-west → us-east', 'us-east → eu-west']);
  await runTransactions({ from: 1000, to: 1100, workers: 8 }, (number) =>
    transactOnce(ledgers[number % 2]!, number),
  );
  expect(client.region).toBe('eu-west');

  for (const [i, ledger] of ledgers.entries()) {
    await expectExact(ledger);
    // Nobody else writes: each of the app's commits is a seqno, and there is no other.
    const { length } = ledger.gtids;
    await eventually(() => near[i]!.version === length && far[i]!.version === length, { withinMs: 30_000 });
    expect(far[i]!.seen.map(({ version }) => version)).toEqual(Array.from({ length }, (_, at) => at + 1));
    expect(near[i]!.seen).toEqual(far[i]!.seen);
    expect(await stateOf(ledger.keyspace)).toEqual(foldedFrom(far[i]!.seen));
  }
  await Promise.all([...near, ...far].map((watcher) => watcher.stop()));
});

/** What was acknowledged is there once, and nothing else is. */
async function expectExact({ keyspace, gtids, orders, visits, balances }: Ledger): Promise<void> {
  expect(new Set(gtids).size).toBe(gtids.length);
  const versions = new Map<string, number>();
  for await (const { key, version } of keyspace.list({ prefix: 'order/', causal: true, keysOnly: true }))
    versions.set(key, version);
  expect(versions).toEqual(new Map([...orders].sort(([a], [b]) => (a < b ? -1 : 1))));
  const counted = await keyspace.get('visits', { causal: true });
  expect(counted!.value).toBe(BigInt(visits.length));
  expect([...visits].sort((a, b) => Number(a - b))).toEqual(visits.map((_, i) => BigInt(i + 1)));
  for (const [key, written] of balances) {
    expect(
      [...written].sort((a, b) => a - b),
      key,
    ).toEqual(written.map((_, i) => i + 1));
    expect((await keyspace.get(key))!.value).toBe(written.length);
  }
}

it('tells how each call ended while a home is down, and what is unknown resolves to the truth', async () => {
  const client = await connected(place.endpoints);
  const elsewhere = await connected([place.endpoints[0]!]);
  const keyspace = client.keyspace('default');
  const home = cluster.node('us-east');
  const committed: string[] = [];
  const unknown = new Map<string, string>();
  const refused: unknown[] = [];
  let stopping = false;
  const leaveOne = async (key: string, inTransaction: boolean): Promise<void> => {
    try {
      await leaveMark(keyspace, { key, inTransaction, timeoutMs: 4000 });
      committed.push(key);
    } catch (error) {
      if (error instanceof OutcomeUnknownError) unknown.set(key, error.transactionId);
      else refused.push(error);
    }
  };
  const worker = async (_: unknown, number: number): Promise<void> => {
    for (let i = 0; !stopping; i++) await leaveOne(`mark/${number}/${i}`, number % 2 === 0);
  };
  const workers = Array.from({ length: 10 }, worker);
  await eventually(() => committed.length >= 200, { withinMs: 60_000 });
  // It stands still first: what the client's node takes from then on is surely not answered.
  home.pause();
  stopping = true;
  const stuck = leaveOne('mark/stuck', false);
  // Behind it in the same session, so that it has been taken when they are answered.
  for (let i = 0; i < 3; i++) await keyspace.get('marks');
  const patient = [false, true].map(async (inTransaction) => {
    const key = `mark/patient/${inTransaction}`;
    await leaveMark(keyspace, { key, inTransaction, timeoutMs: 120_000 });
    committed.push(key);
  });
  await home.kill();
  await Promise.all([...workers, stuck]);
  expect(await keyspace.get('marks')).toBeDefined();
  await expect(keyspace.get('marks', { causal: true, timeoutMs: 500 })).rejects.toBeInstanceOf(MeridianError);
  await expect(keyspace.set('late', 1, { timeoutMs: 1000 })).rejects.toBeInstanceOf(MeridianError);
  await home.start();
  await Promise.all(patient);

  for (const error of refused) expect(error).toMatchObject({ outcome: 'not-committed' });
  expect([...unknown.keys()]).toContain('mark/stuck');
  for (const [key, transactionId] of unknown) {
    const outcome = await keyspace.resolve(transactionId, { timeoutMs: 60_000 });
    if (outcome.state === 'committed') committed.push(key);
    expect(await elsewhere.resolve(transactionId)).toEqual(outcome);
  }
  const marks: string[] = [];
  for await (const { key } of keyspace.list({ prefix: 'mark/', causal: true, keysOnly: true }))
    marks.push(key);
  expect(marks).toEqual([...committed].sort());
  expect((await keyspace.get('marks', { causal: true }))!.value).toBe(BigInt(marks.length));
});

interface Mark {
  readonly key: string;
  readonly inTransaction: boolean;
  readonly timeoutMs: number;
}

/** Writes a key of its own and counts it. */
async function leaveMark(keyspace: Keyspace, { key, inTransaction, timeoutMs }: Mark): Promise<void> {
  if (!inTransaction) {
    await keyspace.atomic().set(key, 'here').sum('marks', 1).commit({ timeoutMs });
    return;
  }
  const leave = async (tx: Transaction): Promise<void> => {
    expect(await tx.get(key)).toBeUndefined();
    tx.set(key, 'here');
    tx.sum('marks', 1);
  };
  await keyspace.transact(leave, { timeoutMs });
}
