import Type, { type Static } from 'typebox';
import { succeed, type Result } from '../../model/errors.js';
import type { Gtid } from '../../model/gtid.js';
import type { KeyspaceId } from '../../model/ids.js';
import type { KeyRange } from '../../model/keys.js';
import { limits } from '../../model/limits.js';
import { cursorContinues, decodeCursor } from '../cursor.js';
import { historyMismatch, invalid } from '../invalid.js';
import { hasRange, rangeOf } from '../json-keys.js';
import type { Encoding } from '../json-values.js';
import { historyOf } from '../tokens.js';
import { encodingWord, listLimit, rangeProperties } from './schemas.js';

/** The parameters of every list. */
export const listQuery = Type.Object(
  {
    ...rangeProperties,
    limit: Type.Optional(listLimit),
    cursor: Type.Optional(Type.String({ description: 'Where the last page ended.' })),
    reverse: Type.Optional(Type.Boolean({ description: 'From the last key to the first.' })),
    keysOnly: Type.Optional(Type.Boolean({ description: 'Leave the values out.' })),
    encoding: Type.Optional(encodingWord),
  },
  { additionalProperties: false },
);

export interface PageRequest {
  readonly range: KeyRange;
  readonly limit: number;
  readonly reverse: boolean;
  readonly encoding: Encoding | 'keys-only';
  /** Of the cursor; the page must be at least as new. */
  readonly atLeast: Gtid | undefined;
}

/** `transaction`: the interactive transaction that lists, '' for none; `history`: the keyspace's. */
export function pageRequestOf(
  query: Static<typeof listQuery>,
  { transaction, history }: { transaction: string; history: KeyspaceId | undefined },
): Result<PageRequest> {
  const range = rangeOf('query', query);
  if (!range.ok) return range;
  const { limit = limits.listEntriesDefault, reverse, keysOnly = false } = query;
  const encoding = keysOnly ? 'keys-only' : (query.encoding ?? 'json');
  if (query.cursor === undefined) {
    return succeed({ range: range.value, limit, reverse: reverse ?? false, encoding, atLeast: undefined });
  }
  const cursor = decodeCursor('query.cursor', query.cursor);
  if (!cursor.ok) return cursor;
  const { gtid, rest } = cursor.value;
  if (history !== undefined && historyOf(gtid) !== history) {
    return historyMismatch('query.cursor', historyOf(gtid), history);
  }
  if (cursor.value.transaction !== transaction) {
    return invalid('query.cursor', 'belongs to a list of another transaction, or of none');
  }
  if (reverse !== undefined && reverse !== cursor.value.reverse) {
    return invalid('query.reverse', 'contradicts the cursor');
  }
  if (hasRange(query) && !cursorContinues(cursor.value, range.value)) {
    return invalid('query.cursor', 'belongs to a list of another prefix or range');
  }
  return succeed({ range: rest, limit, reverse: cursor.value.reverse, encoding, atLeast: gtid });
}
