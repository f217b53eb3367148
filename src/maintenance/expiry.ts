import type { NodeId } from '../model/ids.js';
import { limits } from '../model/limits.js';
import { mintTransactionId } from '../model/transaction-id.js';
import { contentHashOf, encodeWriteSet, type Mutation } from '../model/write-set.js';
import { every, type Cancel, type Runtime } from '../runtime/runtime.js';
import type { KeyspaceStore } from '../storage/store.js';
import type { PendingCommits } from '../transaction/pending-commits.js';

const periodMs = 500;
/** What the encoding of a write set adds to its keys, at the most. */
const headerBytesMax = 256;
const mutationOverheadBytes = 8;

export interface ExpiryPorts {
  readonly self: NodeId;
  readonly store: KeyspaceStore;
  readonly commits: PendingCommits;
  readonly runtime: Runtime;
  /** Whether this node sequences the keyspace now. */
  readonly isHome: () => boolean;
}

/**
 * Proposes the deletion of keys whose expiry has come: ordered `expire` mutations, judged again at their place in log
 * time, so that a renewal that came first wins. Only the home proposes: one transaction at a time, of as many keys as it
 * can carry, until none is due.
 */
export function startExpiry({ self, store, commits, runtime, isHome }: ExpiryPorts): Cancel {
  let busy = false;
  let stopped = false;
  /** Whether more may be due. */
  const propose = async (): Promise<boolean> => {
    const nowMs = Math.max(store.head.logTimeMs, runtime.clock.nowMs());
    // Everywhere, since looking also clears away what renewals left behind.
    const due = await store.expired(nowMs, limits.mutationsMax);
    if (due.length === 0 || !isHome()) return false;
    const id = mintTransactionId(nowMs, runtime.random.bytes(10), self);
    const contentHash = contentHashOf(['expire', id]);
    const mutations = fitting(due.map((key) => ({ kind: 'expire', key })));
    const writeSet = encodeWriteSet({
      id,
      contentHash,
      isolation: 'serializable',
      snapshot: undefined,
      mutations,
    });
    const none = new Uint8Array(0);
    const reads = { readKeys: [], readRanges: [], checkKeys: [] };
    const submission = { writeSet, ...reads, retry: false, resolveId: none, resolveAs: none };
    const settled = await commits.submit({ id, contentHash, submission, mayBeRetry: false });
    const isCutShort = mutations.length < due.length || due.length === limits.mutationsMax;
    return settled.kind === 'logged' && isCutShort;
  };
  const proposeAll = async (): Promise<void> => {
    while ((await propose()) && !stopped);
  };
  const cancel = every(runtime.timers, periodMs, () => {
    if (busy || store.damage !== undefined) return;
    busy = true;
    proposeAll()
      .catch((error: unknown) =>
        runtime.logger.warn({ error }, 'expired keys were not proposed for deletion'),
      )
      .finally(() => (busy = false));
  });
  return () => {
    stopped = true;
    cancel();
  };
}

/** As many as one transaction can carry, with room for its header. */
function fitting(mutations: readonly Extract<Mutation, { kind: 'expire' }>[]): readonly Mutation[] {
  let bytes = headerBytesMax;
  const end = mutations.findIndex(({ key }) => {
    bytes += key.length + mutationOverheadBytes;
    return bytes > limits.transactionBytesMax;
  });
  return end < 0 ? mutations : mutations.slice(0, end);
}
