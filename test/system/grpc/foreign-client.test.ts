import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { appendFile, cp } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatAddress } from '../../../src/server/config/address.js';
import { startTestCluster, temporaryDirectory, type TestCluster } from '../../support/cluster.js';

const run = promisify(execFile);
const program = new URL('client.py', import.meta.url).pathname;
const token = 'a-secret-of-this-test';

/** The names in the program's list of checks, so that one that is not run is missed. */
const checks = [...readFileSync(program, 'utf8').matchAll(/^def (\w+)\(\):$/gm)]
  .map((match) => match[1]!)
  .filter((name) => name !== 'new_id');

interface Outcome {
  readonly check: string;
  readonly problem: string | null;
}

let cluster: TestCluster;
let regions: Awaited<ReturnType<typeof temporaryDirectory>>;
let outcomes: readonly Outcome[];

beforeAll(async () => {
  await run(process.execPath, ['scripts/install-test-packages.mjs']);
  regions = await regionsWithToken();
  cluster = await startTestCluster({ regionsDirectory: regions.path });
  const addressOf = (id: string): string =>
    formatAddress(cluster.config.nodes.find((node) => node.id === id)!.peer);
  const { httpUrl } = cluster.node('us-east');
  const args = [program, addressOf('us-east'), addressOf('eu-west'), httpUrl, token];
  const { stdout } = await run('/usr/bin/python3', args, { timeout: 240_000, maxBuffer: 16 * 1024 * 1024 });
  outcomes = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Outcome);
}, 900_000);
afterAll(async () => {
  await cluster.discard();
  await regions.remove();
});

/** The regions of the project, whose nodes want a token. */
async function regionsWithToken(): Promise<typeof regions> {
  const copy = await temporaryDirectory();
  await cp('regions', copy.path, { recursive: true });
  for (const region of ['us-east', 'eu-west', 'ap-south']) {
    await appendFile(join(copy.path, `${region}.yaml`), `tokens: ['${token}']\n`);
  }
  return copy;
}

describe("Debian's Python client, by reflection alone", () => {
  it('runs every check that it has', () => {
    expect(outcomes.map(({ check }) => check).sort()).toEqual([...checks].sort());
    expect(checks.length).toBeGreaterThanOrEqual(17);
  });

  it.each(checks)('%s', (name) => {
    expect(outcomes.find(({ check }) => check === name)?.problem, name).toBeNull();
  });
});
