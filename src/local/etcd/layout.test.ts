import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { temporaryDirectory } from '../../../test/support/cluster.js';
import { etcdPortsFrom, initialClusterOf, memberIdOf, readNote, writeNote } from './layout.js';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
beforeEach(async () => void (directory = await temporaryDirectory()));
afterEach(() => directory.remove());

it('counts ports from the usual first one, or another', () => {
  expect(etcdPortsFrom()[0]).toEqual({ client: 12_379, peer: 12_380 });
  expect(etcdPortsFrom(100)).toEqual([
    { client: 100, peer: 101 },
    { client: 102, peer: 103 },
    { client: 104, peer: 105 },
  ]);
});

it('names every member with its URL', () => {
  expect(initialClusterOf([1, 2])).toBe('etcd-1=http://127.0.0.1:1,etcd-2=http://127.0.0.1:2');
});

it('knows the id that etcd gives a member', () => {
  // As etcd 3.4.23 said for this URL and this token.
  expect(memberIdOf(12_380)).toBe('4751159339638486885');
});

it('keeps its note beside the data, and refuses one that it did not write', async () => {
  expect(await readNote(directory.path)).toBeUndefined();
  const note = { peers: [1, 2, 3], begun: true };
  await writeNote(directory.path, note);
  expect(await readNote(directory.path)).toEqual(note);
  for (const other of ['', '{}', '{"peers":[1,2],"begun":true}', '{"peers":[1,2,3]}']) {
    await writeFile(join(directory.path, 'etcd.json'), other);
    await expect(readNote(directory.path)).rejects.toThrow('is not what a local cluster with etcd wrote');
  }
});
