import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestCluster, temporaryDirectory, type TestCluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { clientsOf, sameHash, statusOf, takesWrites } from '../support/http-cluster.js';
import type { HttpClient, HttpOutcome } from '../support/http-client.js';

const home = 'us-east';
const diskMiB = 32;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let cluster: TestCluster;
let clients: ReadonlyMap<string, HttpClient>;
let disk: string;

beforeAll(async () => {
  directory = await temporaryDirectory();
  disk = join(directory.path, home);
  mkdirSync(disk);
  // Without the right to mount this fails, and so do the tests: a small disk is what they are about.
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskMiB}m`, 'tmpfs', disk]);
  cluster = await startTestCluster({ dataDirectory: directory.path });
  clients = clientsOf(cluster);
});
afterAll(async () => {
  await cluster?.discard();
  execFileSync('umount', [disk]);
  await directory.remove();
});

const at = (node: string): HttpClient => clients.get(node)!;

function fillDisk(): void {
  const file = openSync(join(disk, 'ballast'), 'a');
  const block = Buffer.alloc(4096);
  try {
    for (;;) writeSync(file, block);
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC');
  } finally {
    closeSync(file);
  }
}
const freeDisk = (): void => rmSync(join(disk, 'ballast'));

interface Told {
  readonly acknowledged: number;
  readonly unknown: number;
  readonly refused: number;
}

const filler = 'x'.repeat(10_000);
let sent = 0;

/** Adds to a counter many times at once, each with some bytes beside. */
async function add(node: string, keyspace: string, times: number): Promise<Told> {
  const one = (): Promise<HttpOutcome> =>
    at(node).send({
      method: 'POST',
      path: `/v1/keyspaces/${keyspace}/transact`,
      body: {
        mutations: [{ sum: { key: 'count', by: 1 } }, { set: { key: `filler/${++sent}`, value: filler } }],
      },
    });
  const outcomes = await Promise.all(Array.from({ length: times }, one));
  const told = { acknowledged: 0, unknown: 0, refused: 0 };
  for (const outcome of outcomes) {
    if (outcome.kind !== 'reply') throw new Error(`not answered: ${outcome.message}`);
    if (outcome.status === 200) told.acknowledged += 1;
    else if (outcome.json.outcome === 'unknown') told.unknown += 1;
    else if (outcome.json.outcome === 'not-committed') told.refused += 1;
    else throw new Error(outcome.bytes.toString());
  }
  return told;
}

async function countAt(node: string, keyspace: string): Promise<number> {
  const answer = await at(node).ask({ path: `/v1/keyspaces/${keyspace}/keys/count` });
  return answer.status === 404 ? 0 : Number(answer.bytes.toString());
}

/** Commits until the disk takes no more. */
async function addUntilFull(node: string): Promise<Told> {
  let all: Told = { acknowledged: 0, unknown: 0, refused: 0 };
  await eventually(
    async () => {
      const told = await add(node, 'default', 8);
      all = {
        acknowledged: all.acknowledged + told.acknowledged,
        unknown: all.unknown + told.unknown,
        refused: all.refused + told.refused,
      };
      return told.acknowledged < 8;
    },
    { withinMs: 60_000, what: 'a full disk' },
  );
  return all;
}

async function holdsWhatWasAcknowledged(before: number, told: Told): Promise<void> {
  await sameHash(clients.values(), 'default');
  const count = await countAt(home, 'default');
  expect(count).toBeGreaterThanOrEqual(before + told.acknowledged);
  expect(count).toBeLessThanOrEqual(before + told.acknowledged + told.unknown);
}

const logged = (node: string): string =>
  cluster.events
    .filter((event) => event.kind === 'log' && event.node === node)
    .map((event) => JSON.stringify(event))
    .join('\n');

describe('a home without space on its disk', () => {
  it('acknowledges nothing more, says why, and recovers by itself when there is space', async () => {
    expect(await add('eu-west', 'default', 5)).toMatchObject({ acknowledged: 5 });
    const before = await countAt(home, 'default');
    fillDisk();
    const told = await addUntilFull(home);
    const path = '/readyz?for=write&keyspace=default';
    await eventually(
      async () => {
        const readiness = await at(home).ask({ path });
        expect(readiness.status).toBe(503);
        expect(readiness.json.keyspaces[0].detail).toMatch(/No space left on device/);
      },
      { withinMs: 30_000 },
    );
    expect((await statusOf(at(home), 'default')).writable).toBe(false);
    expect(logged(home)).toMatch(/No space left on device/);
    expect((await at('eu-west').ask({ path: '/v1/keyspaces/default/keys/count' })).status).toBe(200);
    // It follows this keyspace only, and nobody waits for it.
    expect(await add('eu-west', 'eu', 20)).toEqual({ acknowledged: 20, unknown: 0, refused: 0 });
    freeDisk();
    await takesWrites(at(home), 'default');
    await takesWrites(at('ap-south'), 'default');
    await holdsWhatWasAcknowledged(before, told);
    await sameHash(clients.values(), 'eu');
  });

  it('that ends there begins again with what it acknowledged', async () => {
    const before = await countAt(home, 'default');
    fillDisk();
    const told = await addUntilFull(home);
    await cluster.node(home).kill();
    freeDisk();
    await cluster.node(home).start();
    await takesWrites(at(home), 'default');
    await holdsWhatWasAcknowledged(before, told);
    expect(await add('ap-south', 'default', 3)).toMatchObject({ acknowledged: 3 });
  });
});
