import { assertNever } from '../../model/assert.js';
import { intersectRanges, rangeContains, rangeIsEmpty, type Key, type KeyRange } from '../../model/keys.js';
import type { MutationResults } from '../../model/outcome.js';
import type { Mutation } from '../../model/write-set.js';
import type { Change } from '../service.js';
import type { LoggedCommit } from './entry-commits.js';

type KeyMutation = Exclude<Mutation, { kind: 'deleteRange' }>;

/**
 * What a commit left behind in `range`, in the order of its mutations: of each key the last word, deleted ranges clipped.
 * A counter made anew stands behind the delete before it, which ended the old one's expiry. Undefined when that needs an
 * outcome that is no longer kept.
 */
export function changesIn(commit: LoggedCommit, range: KeyRange): readonly Change[] | undefined {
  const { mutations } = commit;
  const changes: Change[] = [];
  const settledKeys = new Set<Key>();
  /** Where the counters stand whose expiry an earlier mutation of the commit may tell. */
  const withoutExpiry = new Map<Key, number>();
  const deletedLater: KeyRange[] = [];
  let results: MutationResults | undefined;
  for (let place = mutations.length - 1; place >= 0; place--) {
    const mutation = mutations[place]!;
    if (mutation.kind === 'deleteRange') {
      const deleted = intersectRanges(mutation.range, range);
      if (rangeIsEmpty(deleted)) continue;
      changes.push({ kind: 'deletedRange', range: deleted });
      deletedLater.push(deleted);
      continue;
    }
    const { key } = mutation;
    if (!rangeContains(range, key) || settledKeys.has(key)) continue;
    if (deletedLater.some((deleted) => rangeContains(deleted, key))) continue;
    if (needsResult(mutation)) results ??= commit.results();
    const change = changeOf(commit, mutation, results?.[place] ?? undefined);
    if (change === 'unknown') return undefined;
    if (change === 'none') continue;
    const later = withoutExpiry.get(key);
    if (later === undefined || change.kind === 'deleted') changes.push(change);
    else if (isCounter(change)) changes[later] = withExpiryOf(changes[later]!, change);
    if (isCounter(change) && change.value.expiresAtMs === undefined)
      withoutExpiry.set(key, later ?? changes.length - 1);
    else settledKeys.add(key);
  }
  return changes.reverse();
}

type SetChange = Extract<Change, { kind: 'set' }>;

function isCounter(change: Change): change is SetChange {
  return change.kind === 'set' && change.value.value.kind === 'counter';
}

function withExpiryOf(change: Change, { value: { expiresAtMs } }: SetChange): Change {
  return change.kind === 'set' ? { ...change, value: { ...change.value, expiresAtMs } } : change;
}

function needsResult({ kind }: KeyMutation): boolean {
  return kind !== 'set' && kind !== 'delete';
}

/** `result`: what the outcome has for the mutation, where it needs one. */
function changeOf(
  commit: LoggedCommit,
  mutation: KeyMutation,
  result: bigint | undefined,
): Change | 'none' | 'unknown' {
  const { key } = mutation;
  const version = commit.seqno;
  const expiryOf = (ttlMs: number): number | undefined => (ttlMs === 0 ? undefined : commit.timeMs + ttlMs);
  switch (mutation.kind) {
    case 'set': {
      const { bytes, contentType, ttlMs } = mutation;
      const value = { kind: 'bytes', bytes, contentType } as const;
      return { kind: 'set', key, value: { version, value, expiresAtMs: expiryOf(ttlMs) } };
    }
    case 'delete':
      return { kind: 'deleted', key };
    case 'expire':
      if (result === undefined) return 'unknown';
      return result === 0n ? 'none' : { kind: 'deleted', key };
    case 'sum':
    case 'min':
    case 'max': {
      if (result === undefined) return 'unknown';
      const value = { kind: 'counter', count: result } as const;
      return { kind: 'set', key, value: { version, value, expiresAtMs: expiryOf(mutation.ttlMs) } };
    }
    default:
      return assertNever(mutation);
  }
}
