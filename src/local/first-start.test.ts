import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { temporaryDirectory } from '../../test/support/cluster.js';
import { parseClusterFile } from '../server/config/cluster-file.js';
import { readNote } from './etcd/layout.js';
import { beginOnce, hasStores, refuseOtherLog } from './first-start.js';
import type { Launch } from './launch.js';
import { noWanLinks } from './wan-links.js';

const parsed = parseClusterFile(
  'cluster.yaml',
  `name: local
regions: { us: { nodes: [{ id: us, http: '127.0.0.1:1', peer: '127.0.0.1:2' }] } }
keyspaces: { default: { home: us } }
`,
);
if (!parsed.ok) throw new Error('the file is wrong');
const cluster = parsed.value;
const note = { peers: [1, 2, 3], begun: true };

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
beforeEach(async () => void (directory = await temporaryDirectory()));
afterEach(() => directory.remove());

it('takes a folder with nothing but a log file for a beginning', async () => {
  const launch = { cluster, dataDirectory: directory.path };
  expect(await hasStores(launch)).toBe(false);
  await mkdir(join(directory.path, 'us'));
  await writeFile(join(directory.path, 'us', 'node.log.1'), '');
  expect(await hasStores(launch)).toBe(false);
  await mkdir(join(directory.path, 'us', 'default'));
  expect(await hasStores(launch)).toBe(true);
});

it('refuses stores that were begun with the other kind of log', () => {
  const embedded = { note: undefined, hasStores: true };
  const onEtcd = { note, hasStores: true };
  expect(() => refuseOtherLog(embedded, true, '/data')).toThrow('/data was begun with an embedded log');
  expect(() => refuseOtherLog(onEtcd, false, '/data')).toThrow('/data was begun with its log on etcd');
  expect(() => refuseOtherLog(embedded, false, '/data')).not.toThrow();
  expect(() => refuseOtherLog(onEtcd, true, '/data')).not.toThrow();
  expect(() => refuseOtherLog({ note: undefined, hasStores: false }, true, '/data')).not.toThrow();
});

it('goes on where a first start was cut off after its histories had begun, and before that was noted', async () => {
  const program = join(directory.path, 'meridian.mjs');
  await writeFile(program, "process.exitCode = process.argv.includes('--unless-begun') ? 0 : 1;\n");
  const etcd = { note: { ...note, begun: false }, environmentOf: () => ({}) } as unknown as Launch['etcd'];
  const rest = { otherPorts: false, links: noWanLinks, environment: {} };
  const launch: Launch = { cluster, program, dataDirectory: directory.path, etcd, ...rest };
  await beginOnce(launch, { note: { ...note, begun: false }, hasStores: false });
  expect(await readNote(directory.path)).toEqual(note);
});
