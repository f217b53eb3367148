import {
  intersectRanges,
  rangeContains,
  rangeIsEmpty,
  type Key,
  type KeyRange,
} from '../../../src/model/keys.js';
import { deletedRangeText, deletedText, setText, type Watched } from '../workload/watched.js';
import type { Replayed, ReplayedLog } from './replayed-log.js';

/** Every commit that touches the range, whole, in order, once: what the log gives, and nothing else. */
export function checkWatched(
  { about, range, begin, commits, position }: Watched,
  log: ReplayedLog,
): string[] {
  const due = log.transactions
    .slice(begin, position)
    .map((of) => ({ seqno: of.seqno, timeMs: of.logTimeMs, changes: changesOf(of, range) }))
    .filter(({ changes }) => changes.length > 0);
  for (let i = 0; i < Math.max(due.length, commits.length); i++) {
    const [wanted, shown] = [due[i], commits[i]].map((one) => (one === undefined ? 'nothing' : textOf(one)));
    if (wanted !== shown) return [`${about} from ${begin} on showed ${shown} where the log has ${wanted}`];
  }
  return [];
}

function textOf(commit: {
  readonly seqno: number;
  readonly timeMs: number;
  readonly changes: readonly string[];
}) {
  return `${commit.seqno} of ${commit.timeMs}: ${commit.changes.join(', ')}`;
}

interface Left {
  readonly key: Key | undefined;
  readonly kind: 'value' | 'deleted' | 'range';
  readonly text: string;
  readonly expiresAtMs: number | undefined;
}

/**
 * What a commit left behind in a range: of every key the last word, deleted ranges clipped. A counter that is written without
 * an expiry keeps the one that the commit gave it before, and stands behind the delete that ended it.
 */
function changesOf({ writeSet, results, logTimeMs }: Replayed, range: KeyRange): string[] {
  let left: Left[] = [];
  writeSet.mutations.forEach((mutation, i) => {
    if (mutation.kind === 'deleteRange') {
      const clipped = intersectRanges(mutation.range, range);
      if (rangeIsEmpty(clipped)) return;
      left = left.filter(({ key }) => key === undefined || !rangeContains(clipped, key));
      left.push({ key: undefined, kind: 'range', text: deletedRangeText(clipped), expiresAtMs: undefined });
      return;
    }
    const { key } = mutation;
    if (!rangeContains(range, key) || (mutation.kind === 'expire' && results[i] === 0n)) return;
    const forget = (...kinds: Left['kind'][]): void => {
      left = left.filter((one) => one.key !== key || !kinds.includes(one.kind));
    };
    if (mutation.kind === 'delete' || mutation.kind === 'expire') {
      forget('value', 'deleted');
      left.push({ key, kind: 'deleted', text: deletedText(key), expiresAtMs: undefined });
      return;
    }
    const given = mutation.ttlMs > 0 ? logTimeMs + mutation.ttlMs : undefined;
    const isCounter = mutation.kind !== 'set';
    const before = left.find((one) => one.key === key && one.kind === 'value');
    const expiresAtMs = given ?? (isCounter ? before?.expiresAtMs : undefined);
    const text = isCounter ? `counter ${results[i]!}` : `bytes ${Buffer.from(mutation.bytes).toString()}`;
    forget('value');
    if (given !== undefined || !isCounter) forget('deleted');
    left.push({ key, kind: 'value', text: setText(key, text, expiresAtMs), expiresAtMs });
  });
  return left.map(({ text }) => text);
}
