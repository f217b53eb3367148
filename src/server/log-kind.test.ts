import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { keyspaceName, nodeId, regionId } from '../model/ids.js';
import type { KeyspaceConfig, NodeConfig } from './config/config.js';
import { holdLogKind } from './log-kind.js';

let dataDirectory: string;
beforeEach(async () => {
  dataDirectory = await mkdtemp(join(tmpdir(), 'meridian-log-kind-'));
});
afterEach(() => rm(dataDirectory, { recursive: true }));

const hold = (log: KeyspaceConfig['log'], keyspace = 'default') =>
  holdLogKind({ dataDirectory } as NodeConfig, {
    name: keyspaceName(keyspace),
    home: regionId('east'),
    node: nodeId('east'),
    log,
  });

it('notes the log that a keyspace begins with, and refuses another', async () => {
  await hold('etcd');
  await hold('embedded', 'other');
  await hold('etcd');
  await expect(hold('embedded')).rejects.toThrow(
    'was begun with log: etcd, and the configuration says embedded: a keyspace keeps the log that it began with',
  );
  await expect(hold('etcd', 'other')).rejects.toThrow('was begun with log: embedded');
  expect(await readFile(join(dataDirectory, 'default.log-kind'), 'utf8')).toBe('etcd\n');
});

it('takes a store without a note for one of an embedded log', async () => {
  await mkdir(join(dataDirectory, 'default'));
  await expect(hold('etcd')).rejects.toThrow('was begun with log: embedded');
  await hold('embedded');
});
