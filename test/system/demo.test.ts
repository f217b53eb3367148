import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { temporaryDirectory } from '../support/cluster.js';

interface Run {
  readonly child: ChildProcess;
  output(): string;
  /** Resolves when it has ended and all its output is here. */
  readonly ended: Promise<unknown>;
}

let scratch: Awaited<ReturnType<typeof temporaryDirectory>>;
let running: Run | undefined;

beforeEach(async () => {
  scratch = await temporaryDirectory();
});

afterEach(async () => {
  running?.child.kill('SIGKILL');
  await running?.ended;
  running = undefined;
  await scratch.remove();
});

/** The built demo, with its temporary folders under `scratch`. */
function startDemo(...args: readonly string[]): Run {
  const child = spawn(process.execPath, ['dist/demo/main.js', ...args], {
    env: { ...process.env, TMPDIR: scratch.path, NO_COLOR: '1', WAN: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  running = { child, ended: once(child, 'close'), output: () => Buffer.concat(chunks).toString('utf8') };
  return running;
}

function addressesIn(output: string): string[] {
  return [...output.matchAll(/http:\/\/127\.0\.0\.1:\d+/g)].map(([address]) => address);
}

describe('the demo', () => {
  it('ends with status 0 when the regions agree, and leaves nothing behind', async () => {
    const { child, ended, output } = startDemo('--cities', '600', '--commits', '10', '--transfers', '5');
    await ended;
    expect(output()).toContain('The regions agree.');
    expect(child.exitCode).toBe(0);
    expect(output()).toMatch(/600 cities in \d+ transactions/);
    // Nine hashes that the reader found as well, nine measured pairs, twelve checks.
    expect(output().match(/= node/g)).toHaveLength(9);
    expect(output().match(/│ +10 │ +[\d.]+ ms │ +[\d.]+ ms │/g)).toHaveLength(9);
    expect(output().match(/^✓ /gm)).toHaveLength(12);
    expect(await readdir(scratch.path)).toEqual([]);
  });

  it('ends with status 1 when a keyspace holds a key that the demo did not write', async () => {
    const { child, ended, output } = startDemo('--cities', '600', '--commits', '10', '--transfers', '5');
    await eventually(() => addressesIn(output()).length === 3, { withinMs: 60_000 });
    const url = `${addressesIn(output())[0]}/v1/keyspaces/ap/keys/stray`;
    const written = await fetch(url, { method: 'PUT', body: 'a stranger' });
    expect(written.status).toBe(200);
    await ended;
    expect(output()).toContain('✗ there is nothing else');
    expect(output()).toContain('ap in eu-west: 1 keys, the first stray');
    expect(child.exitCode).toBe(1);
    expect(await readdir(scratch.path)).toEqual([]);
  });

  it('stops its nodes and removes its data on Ctrl-C', async () => {
    const { child, ended, output } = startDemo('--transfers', '100000');
    await eventually(() => /load +\d+%/.test(output()), { withinMs: 60_000 });
    child.kill('SIGINT');
    await ended;
    expect(output()).toContain('Stopped.');
    expect(child.exitCode).toBe(130);
    expect(await readdir(scratch.path)).toEqual([]);
    await expect(fetch(`${addressesIn(output())[0]}/livez`)).rejects.toThrow('fetch failed');
  });
});
