import { assertNever } from '../model/assert.js';
import { keyToBytes, keyToText, prefixRange, type Key, type KeyRange } from '../model/keys.js';
import type { Change, CommitEvent } from '../transaction/service.js';
import { keyFields } from './json-keys.js';
import { entryJson, type Encoding } from './json-values.js';

/** A commit of a change feed as JSON text; stored JSON stands in it as it is, line breaks included. */
export function commitJson({ gtid, timeMs, changes }: CommitEvent, encoding: Encoding): string {
  const list = changes.map((change) => changeJson(change, encoding)).join(',');
  return `{"gtid":"${gtid}","time":${timeMs},"changes":[${list}]}`;
}

function changeJson(change: Change, encoding: Encoding): string {
  switch (change.kind) {
    case 'set':
      return entryJson(change.key, change.value, encoding);
    case 'deleted':
      return JSON.stringify({ ...keyFields(change.key), deleted: true });
    case 'deletedRange':
      return JSON.stringify({ deletedRange: rangeFields(change.range) });
    default:
      return assertNever(change);
  }
}

/** As requests give ranges: a prefix where it is one, else bounds; without `end` to the last key. */
function rangeFields({ start, end }: KeyRange): Readonly<Record<string, string>> {
  if (prefixRange(start).end === end) return bound('prefix', start);
  return { ...bound('start', start), ...(end === undefined ? {} : bound('end', end)) };
}

function bound(name: string, key: Key): Readonly<Record<string, string>> {
  const text = keyToText(key);
  return text === undefined ? { [`${name}Base64`]: keyToBytes(key).toString('base64') } : { [name]: text };
}
