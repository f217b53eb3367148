import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestCluster, temporaryDirectory, type TestCluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { clientsOf, sameHash, statusOf, takesWrites } from '../support/http-cluster.js';
import type { HttpClient, HttpOutcome, HttpQuestion, HttpReply } from '../support/http-client.js';
import { runMeridian } from './command-line.js';

let cluster: TestCluster;
let clients: ReadonlyMap<string, HttpClient>;

beforeAll(async () => {
  cluster = await startTestCluster();
  clients = clientsOf(cluster);
});
afterAll(() => cluster.discard());

const at = (node: string): HttpClient => clients.get(node)!;

function increment(keyspace: string, id: string): HttpQuestion {
  return {
    method: 'POST',
    path: `/v1/keyspaces/${keyspace}/transact`,
    headers: { 'Idempotency-Key': id },
    body: { mutations: [{ sum: { key: 'count', by: 1 } }, { set: { key: `id/${id}`, value: 'here' } }] },
  };
}

async function countOf(http: HttpClient, keyspace: string): Promise<number> {
  const answer = await http.ask({ path: `/v1/keyspaces/${keyspace}/keys/count?causal=true` });
  if (answer.status === 404) return 0;
  expect(answer.status, answer.bytes.toString()).toBe(200);
  return Number(answer.bytes.toString());
}

/** Commits one after another until stopped; resolves with how many were acknowledged. */
function stream(
  http: HttpClient,
  keyspace: string,
): { readonly acknowledged: number; stop(): Promise<number> } {
  let acknowledged = 0;
  let stopped = false;
  const ended = (async () => {
    while (!stopped) {
      const outcome = await http.send(increment(keyspace, uuidv7()));
      if (outcome.kind === 'reply' && outcome.status === 200) acknowledged += 1;
      else throw new Error(`a commit was not acknowledged: ${JSON.stringify(outcome)}`);
    }
    return acknowledged;
  })();
  return {
    get acknowledged() {
      return acknowledged;
    },
    stop: () => {
      stopped = true;
      return ended;
    },
  };
}

interface Submitted {
  readonly id: string;
  outcome: HttpOutcome | undefined;
}

/** Many clients of one region commit, each one thing after another, until the home is killed under them. */
async function killUnder(http: HttpClient, kill: () => Promise<unknown>): Promise<readonly Submitted[]> {
  const all: Submitted[] = [];
  let killed: Promise<unknown> | undefined;
  const client = async (): Promise<void> => {
    while (killed === undefined) {
      const submitted: Submitted = { id: uuidv7(), outcome: undefined };
      all.push(submitted);
      submitted.outcome = await http.send(increment('default', submitted.id));
    }
  };
  for (let clients = 0; clients < 8; clients++) void client();
  const isUnderWay = (): boolean => {
    const inFlight = all.filter(({ outcome }) => outcome === undefined).length;
    if (inFlight === 0 || all.length - inFlight < 20) return false;
    killed = kill();
    return true;
  };
  await eventually(isUnderWay, { everyMs: 1, withinMs: 30_000 });
  await killed;
  return all;
}

describe('kill -9 of the home between submission and answer', () => {
  it('resubmission in another region commits at most once, with the first outcome', async () => {
    const home = cluster.node('us-east');
    const before = await countOf(at('eu-west'), 'default');
    let sent = 0;
    for (let round = 0; round < 4; round++) {
      const submitted = await killUnder(at('eu-west'), () => home.kill());
      const unanswered = submitted.filter(({ outcome }) => outcome === undefined);
      expect(unanswered.length).toBeGreaterThan(0);
      await home.start();
      await takesWrites(at('ap-south'), 'default');
      const again: string[] = [];
      for (const { id } of submitted) again.push((await at('ap-south').json(increment('default', id))).gtid);
      for (const [i, one] of submitted.entries()) {
        await eventually(() => one.outcome !== undefined, { withinMs: 30_000 });
        expect(one.outcome!.kind).toBe('reply');
        const { status, json } = one.outcome as HttpReply;
        if (status === 200) expect(json.gtid).toBe(again[i]);
        else expect(json.outcome).toBe('unknown');
        expect((await at('us-east').json(increment('default', one.id))).gtid).toBe(again[i]);
      }
      expect(new Set(again).size).toBe(submitted.length);
      sent += submitted.length;
    }
    expect(await countOf(at('us-east'), 'default')).toBe(before + sent);
    await sameHash(clients.values(), 'default');
  });
});

describe('a follower', () => {
  it('that is killed during a stream of commits catches up from the log', async () => {
    const before = await countOf(at('us-east'), 'default');
    const commits = stream(at('us-east'), 'default');
    for (let kills = 0; kills < 3; kills++) {
      const soFar = commits.acknowledged;
      await eventually(() => commits.acknowledged > soFar + 10, { withinMs: 60_000 });
      await cluster.node('ap-south').kill();
      await eventually(() => commits.acknowledged > soFar + 20, { withinMs: 60_000 });
      await cluster.node('ap-south').start();
    }
    const acknowledged = await commits.stop();
    await sameHash(clients.values(), 'default');
    await takesWrites(at('ap-south'), 'default');
    expect(await countOf(at('ap-south'), 'default')).toBe(before + acknowledged);
  });

  it('whose copy of one keyspace was removed gets all of it again', async () => {
    await cluster.node('ap-south').kill();
    await rm(join(cluster.dataDirectory, 'ap-south', 'default'), { recursive: true });
    await cluster.node('ap-south').start();
    await takesWrites(at('ap-south'), 'default');
    await sameHash(clients.values(), 'default');
    expect((await at('ap-south').json(increment('default', uuidv7()))).results[0]).toBeGreaterThan(1);
  });

  it('that is no home and lost its whole directory gets all of it again', async () => {
    const regions = await temporaryDirectory();
    const nodes = ['us-east', 'eu-west', 'ap-south'];
    for (const node of nodes) await cp(`regions/${node}.yaml`, join(regions.path, `${node}.yaml`));
    const text = await readFile('regions/cluster.yaml', 'utf8');
    const oneHome = text.replace('home: eu-west', 'home: us-east').replace('home: ap-south', 'home: us-east');
    await writeFile(join(regions.path, 'cluster.yaml'), oneHome);
    const apart = await startTestCluster({ regionsDirectory: regions.path });
    try {
      const all = clientsOf(apart);
      const follower = apart.node('ap-south');
      for (const keyspace of ['default', 'eu', 'ap'])
        await all.get('eu-west')!.json(increment(keyspace, uuidv7()));
      await follower.kill();
      for (const keyspace of ['default', 'eu', 'ap'])
        await all.get('us-east')!.json(increment(keyspace, uuidv7()));
      await rm(join(apart.dataDirectory, 'ap-south'), { recursive: true });
      await follower.start();
      for (const keyspace of ['default', 'eu', 'ap']) {
        await sameHash(all.values(), keyspace);
        await takesWrites(all.get('ap-south')!, keyspace);
        expect(await countOf(all.get('ap-south')!, keyspace)).toBe(2);
      }
    } finally {
      await apart.discard();
      await regions.remove();
    }
  });
});

/** The home says why it does not sequence, to whoever asks, and nobody's write is taken. */
async function refusesWrites(home: string, keyspace: string, why: RegExp): Promise<void> {
  const path = `/readyz?for=write&keyspace=${keyspace}`;
  await eventually(async () => expect((await statusOf(at(home), keyspace)).detail).toMatch(why), {
    withinMs: 30_000,
  });
  const readiness = await at(home).ask({ path });
  expect([readiness.status, readiness.json.code]).toEqual([503, 'NODE_NOT_READY']);
  expect(readiness.json.keyspaces).toMatchObject([{ name: keyspace, ready: false }]);
  expect(readiness.json.keyspaces[0].detail).toMatch(why);
  expect((await statusOf(at(home), keyspace)).writable).toBe(false);
  for (const http of clients.values()) {
    await eventually(async () => expect((await http.ask({ path })).status).toBe(503), { withinMs: 30_000 });
    const write = await http.ask({
      method: 'PUT',
      path: `/v1/keyspaces/${keyspace}/keys/refused`,
      body: Buffer.from(''),
    });
    expect(write.status).toBe(503);
    expect(['SEQUENCER_UNAVAILABLE', 'NODE_NOT_READY', 'NODE_INCONSISTENT']).toContain(write.json.code);
    expect(write.json.outcome).toBe('not-committed');
  }
}

describe('a home', () => {
  it('whose store was emptied refuses to write, and begins no new history', async () => {
    for (let i = 0; i < 3; i++) await at('eu-west').json(increment('eu', uuidv7()));
    const { applied } = await statusOf(at('eu-west'), 'eu');
    await sameHash(clients.values(), 'eu');
    const directory = join(cluster.dataDirectory, 'eu-west');
    await cluster.node('eu-west').stop();
    await rm(join(directory, 'eu'), { recursive: true });
    const init = await runMeridian(['init', '--cluster', cluster.config.file, '--node', 'eu-west'], {
      MERIDIAN_DATA_DIRECTORY: directory,
    });
    expect(init.code).toBe(1);
    expect(init.errors).toMatch(/eu: the store is empty; it held position \d+ before/);
    await cluster.node('eu-west').start();
    await refusesWrites('eu-west', 'eu', /no history|has none/);
    for (const node of ['us-east', 'ap-south'])
      expect((await statusOf(at(node), 'eu')).applied).toBe(applied);
    expect(await countOf(at('us-east'), 'default')).toBeGreaterThan(0);
  });

  it.each([
    ['with the note of how far it had come', ['ap']],
    ['with its note set back too', ['ap', 'ap.head.json']],
  ])('that was set back to an older copy stops its sequencer, %s', async (_, restored) => {
    const directory = join(cluster.dataDirectory, 'ap-south');
    const backup = join(cluster.dataDirectory, 'backup');
    const home = cluster.node('ap-south');
    await takesWrites(at('ap-south'), 'ap');
    await at('ap-south').json(increment('ap', uuidv7()));
    await home.stop();
    await cp(directory, backup, { recursive: true });
    await home.start();
    await takesWrites(at('ap-south'), 'ap');
    for (let i = 0; i < 3; i++) await at('ap-south').json(increment('ap', uuidv7()));
    const { applied } = await statusOf(at('ap-south'), 'ap');
    await sameHash(clients.values(), 'ap');
    await home.stop();
    await cp(directory, `${backup}-newest`, { recursive: true });
    for (const name of restored) {
      await rm(join(directory, name), { recursive: true });
      await cp(join(backup, name), join(directory, name), { recursive: true });
    }
    await home.start();
    await refusesWrites('ap-south', 'ap', /is ahead of the log/);
    for (const node of ['us-east', 'eu-west']) {
      expect((await statusOf(at(node), 'ap')).applied).toBeGreaterThanOrEqual(applied);
    }
    await home.stop();
    await rm(directory, { recursive: true });
    await cp(`${backup}-newest`, directory, { recursive: true });
    await rm(backup, { recursive: true });
    await home.start();
    await takesWrites(at('ap-south'), 'ap');
    await sameHash(clients.values(), 'ap');
  });
});
