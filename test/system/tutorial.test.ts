import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packageRoot } from '../../src/local/package-root.js';
import { startTestCluster, type TestCluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { placeAt, type Place } from '../support/sdk-endpoints.js';

const page = await readFile('docs/tutorials/ten-minutes.md', 'utf8');

interface Program {
  readonly name: string;
  readonly source: string;
  /** What the page says that it prints. */
  readonly output: string;
  /** The node that the page has killed while it runs. */
  readonly killed: string | undefined;
}

/** A program and what follows it: what is to be done meanwhile, and what it prints. */
function programsOf(markdown: string): Program[] {
  const blocks = [...markdown.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, kind, text]) => ({
    kind,
    text: text!,
  }));
  const starts = blocks.flatMap(({ kind }, at) => (kind === 'ts' ? [at] : []));
  return starts.map((at, i) => {
    const source = blocks[at]!.text;
    const rest = blocks.slice(at + 1, starts[i + 1]);
    const killing = rest.find(({ kind, text }) => kind === 'sh' && text.startsWith('pkill'));
    return {
      source,
      name: /^\/\/ ([\w-]+\.ts)$/m.exec(source)![1]!,
      output: rest.find(({ kind }) => kind === 'text')!.text,
      killed: killing === undefined ? undefined : /--node ([\w-]+)/.exec(killing.text)![1],
    };
  });
}

let cluster: TestCluster;
let place: Place;
/** Inside of the package, so that it finds itself under its name. */
let folder: string;

beforeAll(async () => {
  cluster = await startTestCluster({ restart: true });
  // Whoever reads the page has all nodes equally near; under load that would be for chance to say.
  place = await placeAt(cluster, { 'us-east': 0, 'eu-west': 10, 'ap-south': 20 });
  await mkdir(join(packageRoot, 'dist'), { recursive: true });
  folder = await mkdtemp(join(packageRoot, 'dist/tutorial-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await place.close();
  await cluster.discard();
});

it('has a program in each of its seven chapters', () => {
  expect(programsOf(page).map(({ name }) => name)).toEqual([
    'hello.ts',
    'regions.ts',
    'conflict.ts',
    'transfers.ts',
    'orders.ts',
    'watch.ts',
    'failover.ts',
  ]);
});

it.each(programsOf(page))('$name prints what the page says', async ({ name, source, output, killed }) => {
  const path = join(folder, name);
  await writeFile(path, withAddresses(source));
  const child = spawn(process.execPath, ['--import', 'tsx', path], { cwd: packageRoot });
  let printed = '';
  let complaints = '';
  child.stdout.on('data', (chunk: Buffer) => (printed += String(chunk)));
  child.stderr.on('data', (chunk: Buffer) => (complaints += String(chunk)));
  const ended = once(child, 'close');
  try {
    if (killed !== undefined) {
      await eventually(() => printed.includes('kill the node') || child.exitCode !== null, {
        withinMs: 60_000,
      });
      process.kill(cluster.node(killed).pid, 'SIGKILL');
    }
    await ended;
  } finally {
    child.kill('SIGKILL');
  }
  expect(complaints).toBe('');
  expect(masked(printed)).toBe(masked(output));
  expect(child.exitCode).toBe(0);
});

function withAddresses(source: string): string {
  return source.replaceAll(/127\.0\.0\.1:910([123])/g, (_, node) => place.endpoints[Number(node) - 1]!);
}

/** Ids are of the cluster; the page has them shortened. */
function masked(text: string): string {
  return text.replaceAll(/[0-9a-f]{4}…[0-9a-f]{4}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<id>');
}
