import { succeed, type Result } from '../../model/errors.js';
import { keyToText, type Key } from '../../model/keys.js';
import { limits } from '../../model/limits.js';
import { invalid, keyTooLarge } from '../invalid.js';

/** Slashes of a path before its key: /v1/keyspaces/{keyspace}/keys/ */
export const slashesBeforeKey = 5;
/** /v1/keyspaces/{keyspace}/transactions/{id}/keys/ */
export const slashesBeforeTransactionKey = 7;

const escapeOrPercent = /%([0-9a-fA-F]{2})?/g;

/**
 * The key of a raw request target: what follows its first `slashes` slashes, percent-decoded exactly once. Taken from
 * the raw target because routers decode in two steps. A slash in a key may be written as it is or as %2F.
 */
export function keyOfTarget(target: string, slashes: number): Result<Key> {
  let at = target[0] === '/' ? 0 : pathOfAbsoluteForm(target);
  for (let passed = 1; passed < slashes && at >= 0; passed++) at = target.indexOf('/', at + 1);
  const escaped = target.slice(at + 1, endOfPath(target, at + 1));
  const key = escaped.includes('%') ? unescape(escaped) : (escaped as Key);
  if (key === undefined) return invalid('key', 'has a % that is not followed by two hexadecimal digits');
  return judgeKey(key);
}

function pathOfAbsoluteForm(target: string): number {
  return target.indexOf('/', target.indexOf('://') + 3);
}

function endOfPath(target: string, from: number): number {
  for (let i = from; i < target.length; i++) {
    const char = target.charCodeAt(i);
    if (char === 0x3f || char === 0x23) return i;
  }
  return target.length;
}

/** Bytes beyond ASCII that came unescaped are one char each, as node's parser gives them. */
function unescape(escaped: string): Key | undefined {
  let wellFormed = true;
  const bytes = escaped.replaceAll(escapeOrPercent, (_match, digits: string | undefined) => {
    if (digits === undefined) wellFormed = false;
    return String.fromCharCode(Number.parseInt(digits ?? '0', 16));
  });
  return wellFormed ? (bytes as Key) : undefined;
}

function judgeKey(key: Key): Result<Key> {
  if (key.length === 0) return invalid('key', 'must not be empty');
  if (key === '.' || key === '..') {
    return invalid('key', 'the keys "." and ".." do not survive in paths; use /transact for them');
  }
  if (key.length > limits.keyBytesMax) return keyTooLarge(key.length);
  if (keyToText(key) === undefined) {
    return invalid('key', 'is not UTF-8; use /transact with keyBase64 for such keys');
  }
  return succeed(key);
}
