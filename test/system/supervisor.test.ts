import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePortRange, temporaryDirectory } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { Supervisor } from './supervisor-process.js';

/** One folder and one set of ports for all tests: each goes on with the cluster that the one before has left. */
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let base: number;
const begun: Supervisor[] = [];
let current: Supervisor | undefined;

beforeAll(async () => {
  directory = await temporaryDirectory();
  base = await freePortRange(6);
});
afterAll(async () => {
  for (const supervisor of begun) supervisor.signal('SIGTERM');
  for (const supervisor of begun) await supervisor.exit();
  await eventually(async () => (await servingPorts()).length === 0, { withinMs: 30_000 });
  await directory.remove();
});

function supervise(args: readonly string[] = [], environment: Record<string, string> = {}): Supervisor {
  const supervisor = new Supervisor(
    ['--data', directory.path, '--ports-from', String(base), ...args],
    environment,
  );
  begun.push(supervisor);
  return supervisor;
}

/** The supervisor of a cluster that serves: the one that runs, or another. */
async function serving(environment: Record<string, string> = {}): Promise<Supervisor> {
  if (current === undefined || current.hasEnded) current = supervise([], environment);
  await current.serves();
  return current;
}

async function stop(supervisor: Supervisor, signal: NodeJS.Signals): Promise<void> {
  supervisor.signal(signal);
  expect(await supervisor.exit()).toBe(0);
  expect(await servingPorts()).toEqual([]);
}

const urlOf = (region: number): string => `http://127.0.0.1:${base + region}`;

async function put(region: number, key: string, value: string): Promise<string> {
  const response = await fetch(`${urlOf(region)}/v1/keyspaces/default/keys/${key}`, {
    method: 'PUT',
    body: value,
  });
  const body = (await response.json()) as { gtid?: string };
  if (body.gtid === undefined) throw new Error(JSON.stringify(body));
  return body.gtid;
}

async function get(region: number, key: string): Promise<string> {
  const response = await fetch(`${urlOf(region)}/v1/keyspaces/default/keys/${key}?causal=true`);
  return response.text();
}

interface NodeJson {
  readonly node: string;
  readonly reachable: boolean;
  readonly roundTripMs?: number;
}

async function nodesSeenBy(region: number): Promise<NodeJson[]> {
  const response = await fetch(`${urlOf(region)}/v1/cluster`);
  return ((await response.json()) as { nodes: NodeJson[] }).nodes;
}

async function historyAt(region: number): Promise<string | undefined> {
  const response = await fetch(`${urlOf(region)}/v1/keyspaces`);
  const { keyspaces } = (await response.json()) as { keyspaces: { name: string; uuid?: string }[] };
  return keyspaces.find(({ name }) => name === 'default')?.uuid;
}

async function servingPorts(): Promise<number[]> {
  const regions = [0, 1, 2];
  const alive = await Promise.all(
    regions.map((region) => fetch(`${urlOf(region)}/livez`).then(Boolean, () => false)),
  );
  return regions.filter((region) => alive[region]);
}

async function pidOf(region: string): Promise<number> {
  // Many clusters may run here: the one that is meant is told by its data.
  for (const entry of await readdir('/proc')) {
    const line = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
    const environment = line.includes(`--node\0${region}`)
      ? await readFile(`/proc/${entry}/environ`, 'utf8').catch(() => '')
      : '';
    if (environment.includes(`MERIDIAN_DATA_DIRECTORY=${join(directory.path, region)}`)) return Number(entry);
  }
  throw new Error(`no process of ${region}`);
}

describe('a cluster on one machine', () => {
  it('starts, takes a write, stops on Ctrl-C with 0, and continues with its data', async () => {
    const first = await serving();
    const written = await put(0, 'greeting', 'hello');
    expect(await get(2, 'greeting')).toBe('hello');
    await stop(first, 'SIGINT');
    expect(first.output).toContain('Stopped.');

    await serving();
    expect(await get(1, 'greeting')).toBe('hello');
    const next = await put(1, 'greeting', 'again');
    expect(next.split(':')).toEqual([written.split(':')[0], String(Number(written.split(':')[1]) + 1)]);
  });

  it('shows regions, homes, data and three commands in its banner', async () => {
    const supervisor = await serving();
    for (const part of [
      `us-east    ${urlOf(0)}   gRPC 127.0.0.1:${base + 3}   home of default`,
      `eu-west    ${urlOf(1)}`,
      `ap-south   ${urlOf(2)}`,
      'links   direct',
      `data    ${directory.path}`,
      `npx meridian put default greeting hello --url ${urlOf(0)}`,
      `npx meridian get default greeting --causal --url ${urlOf(1)}`,
      `npx meridian status --url ${urlOf(0)}`,
    ])
      expect(supervisor.output).toContain(part);
    // Not a terminal, so no colours.
    expect(supervisor.output).not.toContain('\u001b');
  });

  it('is refused on data or ports that another uses, and leaves that one alone', async () => {
    await serving();
    const sameData = supervise(['--ports-from', String(await freePortRange(6))]);
    expect(await sameData.exit()).toBe(1);
    expect(sameData.output).toMatch(/Another cluster \(process \d+\) already runs on/);

    const other = await temporaryDirectory();
    const samePorts = supervise(['--data', other.path]);
    expect(await samePorts.exit()).toBe(1);
    expect(samePorts.output).toContain(`127.0.0.1:${base} (http of us-east) is in use by another process`);
    await other.remove();
    await put(0, 'refused', 'still here');
    expect(await get(1, 'refused')).toBe('still here');
  });

  it('takes its nodes along when it is killed, and leaves data that the next start continues', async () => {
    const first = await serving();
    await put(0, 'killed', 'kept');
    first.signal('SIGKILL');
    expect(await first.exit()).toBe('SIGKILL');
    await eventually(async () => (await servingPorts()).length === 0, { withinMs: 30_000 });

    await serving();
    expect(await get(2, 'killed')).toBe('kept');
  });

  it('starts a node again that died, and says so', async () => {
    const supervisor = await serving();
    await put(0, 'died', 'kept');
    process.kill(await pidOf('us-east'), 'SIGKILL');
    await eventually(() => supervisor.output.includes('us-east runs again'), { withinMs: 60_000 });
    expect(supervisor.output).toContain('us-east died by SIGKILL; it starts again in 0.5 s');
    await eventually(async () => (await get(1, 'died')) === 'kept', { withinMs: 30_000 });
  });

  it('puts the round trips of cluster.yaml between the nodes with WAN=1', async () => {
    if (current !== undefined && !current.hasEnded) await stop(current, 'SIGTERM');
    const supervisor = await serving({ WAN: '1' });
    expect(supervisor.output).toContain('us-east ↔ eu-west 80 ms · us-east ↔ ap-south 190 ms');
    const measured = await eventually(async () => {
      const nodes = await nodesSeenBy(1);
      const trips = new Map(nodes.map(({ node, roundTripMs }) => [node, roundTripMs]));
      return trips.get('us-east') !== undefined && trips.get('ap-south') !== undefined && trips;
    });
    expect(measured.get('us-east')).toBeGreaterThanOrEqual(80);
    expect(measured.get('ap-south')).toBeGreaterThanOrEqual(120);
  });

  it('says what is wrong with its settings', async () => {
    if (current !== undefined && !current.hasEnded) await stop(current, 'SIGTERM');
    const misspelt = supervise([], { MERIDIAN_LOG_LEVL: 'debug' });
    expect(await misspelt.exit()).toBe(1);
    expect(misspelt.output).toContain('environment: MERIDIAN_LOG_LEVL: unknown variable');
    const wrongLevel = supervise([], { MERIDIAN_LOG_LEVEL: 'loud' });
    expect(await wrongLevel.exit()).toBe(1);
    expect(wrongLevel.output).toContain('environment: MERIDIAN_LOG_LEVEL: "loud" is unknown');
    const noRegions = supervise(['--regions', directory.path]);
    expect(await noRegions.exit()).toBe(1);
    expect(noRegions.output).toContain(`${directory.path}/cluster.yaml: there is no such file`);
  });

  it('does not begin a history anew where a part of the data is gone', async () => {
    const first = await serving();
    const written = await put(0, 'partly', 'kept');
    // Acknowledged is what the home holds: the others may stop before it has come to them.
    expect(await get(1, 'partly')).toBe('kept');
    await stop(first, 'SIGTERM');
    await rm(join(directory.path, 'us-east'), { recursive: true });

    current = supervise();
    await eventually(async () => (await nodesSeenBy(1)).every(({ reachable }) => reachable), {
      withinMs: 60_000,
    });
    const history = written.split(':')[0];
    expect(await historyAt(1)).toBe(history);
    expect([undefined, history]).toContain(await historyAt(0));
    const kept = await fetch(`${urlOf(1)}/v1/keyspaces/default/keys/partly`);
    expect(await kept.text()).toBe('kept');
  });
});
