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
  return toldBy(await Promise.all(Array.from({ length: times }, one)));
}

function toldBy(outcomes: readonly HttpOutcome[]): Told {
  const told = { acknowledged: 0, unknown: 0, refused: 0 };
  for (const outcome of outcomes) {
    if (outcome.kind !== 'reply') told.unknown += 1;
    else if (outcome.status === 200) told.acknowledged += 1;
    else if (outcome.json.outcome === 'unknown') told.unknown += 1;
    else if (outcome.json.outcome === 'not-committed') told.refused += 1;
    else throw new Error(outcome.bytes.toString());
  }
  return told;
}

async function countAt(node: string, keyspace: string): Promise<number> {
  const answer = await at(node).ask({ path: `/v1/keyspaces/${keyspace}/keys/count` });
  expect([answer.status, answer.bytes.toString()]).toEqual([200, expect.stringMatching(/^\d+$/)]);
  return Number(answer.bytes.toString());
}

/** Commits until the home says that its disk takes no more; what they are told then, and whoever still waits later. */
async function addUntilFull(): Promise<() => Promise<Told>> {
  const adding: Promise<Told>[] = [];
  const path = '/readyz?for=write&keyspace=default';
  await eventually(
    async () => {
      adding.push(add(home, 'default', 8));
      const readiness = await at(home).ask({ path });
      expect(readiness.status).toBe(503);
      expect(readiness.json.keyspaces[0].detail).toMatch(/No space left on device/);
    },
    { withinMs: 60_000, what: 'a full disk' },
  );
  return async () => {
    const all = await Promise.all(adding);
    const sum = (of: keyof Told): number => all.reduce((total, told) => total + told[of], 0);
    return { acknowledged: sum('acknowledged'), unknown: sum('unknown'), refused: sum('refused') };
  };
}

async function holdsWhatWasAcknowledged(before: number, told: Told): Promise<void> {
  await sameHash(clients.values(), 'default');
  const count = await countAt(home, 'default');
  expect(count).toBeGreaterThanOrEqual(before + told.acknowledged);
  expect(count).toBeLessThanOrEqual(before + told.acknowledged + told.unknown);
}

const logged = (node: string): string =>
  cluster.events
    .filter((event) => event.kind === 'log' && event.name === node)
    .map((event) => JSON.stringify(event))
    .join('\n');

describe('a home without space on its disk', () => {
  it('acknowledges nothing more, says why, is read all the same, and goes on by itself when there is space', async () => {
    expect(await add('eu-west', 'default', 5)).toMatchObject({ acknowledged: 5 });
    const before = await countAt(home, 'default');
    fillDisk();
    const told = await addUntilFull();
    expect((await statusOf(at(home), 'default')).writable).toBe(false);
    expect(logged(home)).toMatch(/No space left on device/);
    // Again and again it finds that its disk is full, and stays readable.
    await eventually(() => expect(logged(home).match(/could not recover/g)!.length).toBeGreaterThan(2));
    for (const node of [home, 'eu-west'])
      for (let n = 0; n < 20; n++) expect(await countAt(node, 'default')).toBeGreaterThanOrEqual(before);
    // It follows this keyspace only, and nobody waits for it.
    expect(await add('eu-west', 'eu', 20)).toEqual({ acknowledged: 20, unknown: 0, refused: 0 });
    expect((await statusOf(at(home), 'default')).writable).toBe(false);
    freeDisk();
    await takesWrites(at(home), 'default');
    await takesWrites(at('ap-south'), 'default');
    await holdsWhatWasAcknowledged(before, await told());
    await sameHash(clients.values(), 'eu');
  });

  it('that ends there begins again with what it acknowledged', async () => {
    const before = await countAt(home, 'default');
    fillDisk();
    const told = await addUntilFull();
    await cluster.node(home).kill();
    freeDisk();
    await cluster.node(home).start();
    await takesWrites(at(home), 'default');
    await holdsWhatWasAcknowledged(before, await told());
    expect(await add('ap-south', 'default', 3)).toMatchObject({ acknowledged: 3 });
  });
});
