import { expect, it } from 'vitest';
import { seqno } from '../model/ids.js';
import { keyFromText } from '../model/keys.js';
import type { VersionedValue } from '../model/value.js';
import { RecordCache } from './record-cache.js';

const key = keyFromText;

function record(version: number, bytes: Uint8Array = Buffer.from(`v${version}`)): VersionedValue {
  const value = { kind: 'bytes', bytes, contentType: 'text/plain' } as const;
  return { version: seqno(version), value, expiresAtMs: undefined };
}

const counter = (version: number, count: bigint): VersionedValue => ({
  version: seqno(version),
  value: { kind: 'counter', count },
  expiresAtMs: undefined,
});

it('gives what was added', () => {
  const cache = new RecordCache(10_000);
  expect(cache.get(key('a'))).toBeUndefined();
  cache.add(key('a'), record(1));
  expect(cache.get(key('a'))).toEqual(record(1));
});

it('replaces what is there, in memory of its own, and takes in nothing that is only written', () => {
  const cache = new RecordCache(10_000);
  const entry = Buffer.from('....new....');
  cache.replace(key('a'), record(1));
  expect(cache.get(key('a'))).toBeUndefined();
  cache.add(key('a'), record(1));
  cache.replace(key('a'), record(2, entry.subarray(4, 7)));
  entry.fill(0);
  const { value } = cache.get(key('a'))!;
  expect(value.kind === 'bytes' && Buffer.from(value.bytes).toString()).toBe('new');
  cache.add(key('n'), counter(1, 5n));
  cache.replace(key('n'), counter(3, 6n));
  expect(cache.get(key('n'))).toEqual(counter(3, 6n));
});

it('forgets a key that is deleted, or written with a long value', () => {
  const cache = new RecordCache(100_000);
  cache.add(key('a'), record(1));
  cache.add(key('b'), record(1));
  cache.replace(key('a'), undefined);
  cache.replace(key('b'), record(2, Buffer.alloc(5000)));
  expect([cache.get(key('a')), cache.get(key('b'))]).toEqual([undefined, undefined]);
});

it('stays within its bytes and keeps what is asked for', () => {
  const cache = new RecordCache(100_000);
  cache.add(key('hot'), record(1));
  for (let i = 0; i < 1000; i++) {
    cache.add(key(`cold ${i}`), record(1, Buffer.alloc(1000)));
    expect(cache.get(key('hot'))).toBeDefined();
  }
  const kept = Array.from({ length: 1000 }, (_, i) => cache.get(key(`cold ${i}`))).filter(Boolean);
  expect(kept.length).toBeGreaterThan(10);
  expect(kept.length).toBeLessThan(100);
});

it('forgets an old record too when its key is written', () => {
  const cache = new RecordCache(4000);
  cache.add(key('a'), record(1));
  for (let i = 0; i < 10; i++) cache.add(key(`filler ${i}`), record(1));
  cache.replace(key('a'), undefined);
  expect(cache.get(key('a'))).toBeUndefined();
});

it('is empty once cleared', () => {
  const cache = new RecordCache(10_000);
  cache.add(key('a'), record(1));
  cache.clear();
  expect(cache.get(key('a'))).toBeUndefined();
});
