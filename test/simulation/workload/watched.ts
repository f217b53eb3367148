import type { Change as AppChange } from '../../../src/client/watch-events.js';
import { describeKey, keyFromBytes, keyFromText, type Key, type KeyRange } from '../../../src/model/keys.js';
import type { Change } from '../../../src/transaction/service.js';

/** A commit as a watcher was shown it. */
export interface WatchedCommit {
  readonly seqno: number;
  readonly timeMs: number;
  /** Each in one text. */
  readonly changes: readonly string[];
}

/** What one watcher was shown, over all its feeds. */
export interface Watched {
  readonly about: string;
  readonly keyspace: string;
  readonly range: KeyRange;
  /** The seqno behind which it began. */
  begin: number;
  readonly commits: WatchedCommit[];
  /** It was shown everything up to here. */
  position: number;
  /** What comes next is kept nowhere any more, so it ended here. */
  isOver: boolean;
}

export function setText(key: Key, text: string, expiresAtMs: number | undefined): string {
  return `${describeKey(key)} is ${text} until ${expiresAtMs ?? 'deleted'}`;
}

export function deletedText(key: Key): string {
  return `${describeKey(key)} is deleted`;
}

export function deletedRangeText({ start, end }: KeyRange): string {
  return `from ${describeKey(start)} to ${end === undefined ? 'the end' : describeKey(end)} all is deleted`;
}

export function textOfChange(change: Change): string {
  switch (change.kind) {
    case 'set': {
      const { value, expiresAtMs } = change.value;
      const text =
        value.kind === 'counter' ? `counter ${value.count}` : `bytes ${Buffer.from(value.bytes).toString()}`;
      return setText(change.key, text, expiresAtMs);
    }
    case 'deleted':
      return deletedText(change.key);
    case 'deletedRange':
      return deletedRangeText(change.range);
  }
}

export function textOfAppChange(change: AppChange): string {
  switch (change.kind) {
    case 'set': {
      const { key, value, expiresAtMs } = change;
      const text = typeof value === 'bigint' ? `counter ${value}` : `bytes ${String(value)}`;
      return setText(keyFromText(key), text, expiresAtMs);
    }
    case 'deleted':
      return deletedText(keyFromText(change.key));
    case 'deletedRange': {
      const { start, end } = change;
      return deletedRangeText({
        start: keyFromBytes(start),
        end: end === undefined ? undefined : keyFromBytes(end),
      });
    }
  }
}
