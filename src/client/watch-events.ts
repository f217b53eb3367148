import { keyToBytes, rangeContains } from '../model/keys.js';
import type { ChangeMessage, CommitEventMessage } from '../transport/public-api/messages.js';
import { toKey, type KeyInput } from './keys.js';
import { entryOf, type Entry, type Reader } from './values.js';

/** What a commit left behind. */
export type Change<T = unknown, K = string> =
  /** Of a counter: what it is now, and the expiry that this commit gave it, if it gave one. */
  | ({ readonly kind: 'set' } & Entry<T, K>)
  | { readonly kind: 'deleted'; readonly key: K }
  /** Every key from `start` to `end` (exclusive; undefined: to the last), as far as it is watched. */
  | {
      readonly kind: 'deletedRange';
      readonly start: Uint8Array;
      readonly end: Uint8Array | undefined;
      includes(key: KeyInput): boolean;
    };

/** One committed transaction: all its changes of the keys that are watched. */
export interface CommitEvent<T = unknown, K = string> {
  readonly gtid: string;
  readonly version: number;
  /** Log time, ms since the Unix epoch. */
  readonly timeMs: number;
  /** In the order of the mutations; of several of one key the last. */
  readonly changes: readonly Change<T, K>[];
}

export function eventOf<T, K>(
  reader: Reader<K>,
  { gtid, timeMs, changes }: CommitEventMessage,
): CommitEvent<T, K> {
  const version = Number(gtid.slice(37));
  return { gtid, version, timeMs, changes: changes.map((change) => changeOf<T, K>(reader, change)) };
}

function changeOf<T, K>(reader: Reader<K>, change: ChangeMessage): Change<T, K> {
  switch (change.kind) {
    case 'set':
      return { kind: 'set', ...entryOf<T, K>(reader, change.key, change.value) };
    case 'deleted':
      return { kind: 'deleted', key: reader.key(change.key) };
    case 'deletedRange': {
      const { start, end } = change.range;
      return {
        kind: 'deletedRange',
        start: new Uint8Array(keyToBytes(start)),
        end: end === undefined ? undefined : new Uint8Array(keyToBytes(end)),
        includes: (key) => rangeContains(change.range, toKey(key)),
      };
    }
  }
}
