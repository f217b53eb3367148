import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { RunResult } from '../../bench/results.js';
import { temporaryDirectory } from '../support/cluster.js';

const run = promisify(execFile);
let scratch: Awaited<ReturnType<typeof temporaryDirectory>>;

beforeEach(async () => {
  scratch = await temporaryDirectory();
});
afterEach(() => scratch.remove());

it('a benchmark runs, checks that no money is lost, writes its results and leaves nothing behind', async () => {
  const [data, results] = [join(scratch.path, 'data'), join(scratch.path, 'results')];
  await mkdir(data);
  const duration = ['--seconds', '1', '--warm-up', '0'];
  const what = ['--scenario', 'local-reads,transfers', '--network', 'lan', '--clients', '12,64'];
  const { stdout } = await run(process.execPath, [
    'dist/bench/main.js',
    ...duration,
    ...what,
    ...['--data', data, '--results', results],
  ]);
  const names = await readdir(results);
  expect(names.map((name) => name.split('.').at(-1)).sort()).toEqual(['json', 'md']);
  const file = join(
    results,
    names.find((name) => name.endsWith('.json'))!,
  );
  const { points, machine } = JSON.parse(await readFile(file, 'utf8')) as RunResult;
  expect(machine.dataDirectory).toBe(data);
  expect(points.map(({ scenario, protocol }) => `${scenario} ${protocol}`)).toEqual([
    'local-reads fastify',
    'local-reads http',
    'local-reads grpc',
    'local-reads sdk',
    'transfers http',
    'transfers grpc',
    'transfers sdk',
  ]);
  for (const point of points) {
    expect(point.perSecond, point.protocol).toBeGreaterThan(0);
    expect(point.failures, point.protocol).toEqual({});
    if (point.scenario === 'transfers') expect(point.check).toMatchObject({ holds: true });
  }
  expect(stdout).toContain('http ÷ bare fastify');
  expect(await readdir(data)).toEqual([]);
});
