import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { seqno } from './ids.js';
import { keyFromText, type Key } from './keys.js';
import { StateHasher } from './state-hash.js';
import type { VersionedValue } from './value.js';

const value = { kind: 'bytes', bytes: Buffer.from('v'), contentType: 'text/plain' } as const;
const record: VersionedValue = { version: seqno(3), value, expiresAtMs: 1_000 };

function hashOf(...records: [Key, VersionedValue][]): string {
  const hasher = new StateHasher();
  for (const [key, each] of records) hasher.add(key, each);
  return hasher.digest().hash;
}

const key = keyFromText('k');

it('changes with every field of a record', () => {
  const counted = (count: bigint): VersionedValue => ({ ...record, value: { kind: 'counter', count } });
  const different: [Key, VersionedValue][] = [
    [key, record],
    [keyFromText('l'), record],
    [key, { ...record, version: seqno(4) }],
    [key, { ...record, expiresAtMs: 1_001 }],
    [key, { ...record, expiresAtMs: undefined }],
    [key, { ...record, value: { ...value, bytes: Buffer.from('w') } }],
    [key, { ...record, value: { ...value, bytes: Buffer.from('v\0') } }],
    [key, { ...record, value: { ...value, contentType: 'text/plaim' } }],
    [key, { ...record, value: { ...value, contentType: 'text/plainv', bytes: Buffer.alloc(0) } }],
    [key, counted(0n)],
    [key, counted(1n)],
    [key, counted(-1n)],
  ];
  expect(new Set(different.map((each) => hashOf(each))).size).toBe(different.length);
});

it('changes with order and number of records', () => {
  const [a, b]: [Key, VersionedValue][] = [
    [key, record],
    [keyFromText('l'), record],
  ];
  expect(new Set([hashOf(), hashOf(a!), hashOf(a!, b!), hashOf(b!, a!), hashOf(a!, a!)]).size).toBe(5);
});

it('is that of the bytes that docs/concepts/state-hash.md gives as its example', () => {
  const counter: VersionedValue = {
    version: seqno(2),
    value: { kind: 'counter', count: -5n },
    expiresAtMs: undefined,
  };
  const bytes = Buffer.from(
    '000000016b' +
      '0000000000000003' +
      '00000000000003e8' +
      '01' +
      '0000000a746578742f706c61696e' +
      '0000000176' +
      '000000016e' +
      '0000000000000002' +
      '0000000000000000' +
      '02' +
      'fffffffffffffffb',
    'hex',
  );
  const expected = createHash('sha256').update(bytes).digest('hex');
  expect(hashOf([key, record], [keyFromText('n'), counter])).toBe(expected);
  expect(expected).toBe('3db5fddbd829dad40d2744fadcc0d5e67ee27f29e0de0d0a79fc6858ea7b5c01');
});

it('does not depend on where its chunks end', () => {
  const large = { ...value, bytes: Buffer.alloc(70_000, 1) };
  const hasher = new StateHasher();
  for (let i = 0; i < 5; i++) hasher.add(keyFromText(`k${i}`), { ...record, value: large });
  const header = (i: number): Buffer =>
    Buffer.from(
      `000000026b${(0x30 + i).toString(16)}000000000000000300000000000003e8010000000a746578742f706c61696e00011170`,
      'hex',
    );
  const whole = Buffer.concat([0, 1, 2, 3, 4].flatMap((i) => [header(i), large.bytes]));
  expect(hasher.digest()).toEqual({ hash: createHash('sha256').update(whole).digest('hex'), keys: 5 });
});
