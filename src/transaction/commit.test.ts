import { expect, it } from 'vitest';
import { mintKeyspaceId, seqno } from '../model/ids.js';
import { encodeWriteSet } from '../model/write-set.js';
import type { SequencerLink } from '../replica/sequencer-link.js';
import { silentLogger, type Runtime } from '../runtime/runtime.js';
import { emptyHead } from '../storage/follow.js';
import { openKeyspaceStore } from '../storage/keyspace-store.js';
import { Chain, key, set, testId } from '../../test/support/chain.js';
import { FaultyDisk } from '../../test/support/faulty-database.js';
import { ManualTime } from '../../test/support/manual-time.js';
import { commit } from './commit.js';
import type { KeyspaceContext } from './context.js';
import { PendingCommits } from './pending-commits.js';
import type { ReadAnswer } from './service.js';

const contentHash = Buffer.alloc(32, 7);
const id = testId(1000);
const none = new Uint8Array(0);
const reads: readonly ReadAnswer[] = [{ kind: 'key', key: key('read'), value: undefined }];

function copyAt(snapshot: number): Uint8Array {
  const mutations = [set('written')];
  return encodeWriteSet({ id, contentHash, isolation: 'serializable', snapshot: seqno(snapshot), mutations });
}

/** A retry that read at snapshot 0, while the log takes the copy of the id that read at `committedAt`. */
async function retryWhile(committedAt: number) {
  const random = { bytes: (count: number) => Buffer.alloc(count, 1), fraction: () => 0 };
  const runtime: Runtime = { ...new ManualTime(), random, logger: silentLogger };
  const store = await openKeyspaceStore(new FaultyDisk().open, silentLogger);
  const chain = new Chain(emptyHead);
  const keyspaceId = mintKeyspaceId(random.bytes(16));
  await store.apply([chain.next({ kind: 'genesis', keyspaceId, keyspace: 'k' })]);
  const link = { serving: true, submit: () => {} } as unknown as SequencerLink;
  const context = {
    store,
    runtime,
    commits: new PendingCommits(link, store, runtime),
  } as unknown as KeyspaceContext;
  const mine = { writeSet: copyAt(0), readKeys: [], readRanges: [], checkKeys: [], retry: true };
  const submission = { ...mine, resolveId: none, resolveAs: none };
  const answered = commit(context, { id, contentHash, submission, mayBeRetry: true }, reads);
  await store.apply([chain.batch([{ kind: 'transaction', writeSet: copyAt(committedAt) }])]);
  const answer = await answered;
  await store.close();
  return answer;
}

it('answers with what the transaction has read', async () => {
  expect(await retryWhile(0)).toMatchObject({ ok: true, value: { seqno: 1, reads } });
});

it('answers without reads when another attempt of the id has committed: it read at another snapshot', async () => {
  expect(await retryWhile(1)).toMatchObject({ ok: true, value: { seqno: 1, reads: [] } });
});
