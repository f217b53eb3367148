import { expect, it } from 'vitest';
import { MalformedBytes } from '../model/bytes.js';
import { chunkHash, hashPacked, packRows, unpackRows } from './packed-rows.js';

const rows = [
  { key: Buffer.from('da'), value: Buffer.from('one') },
  { key: Buffer.from('db'), value: Buffer.alloc(70_000, 5) },
  { key: Buffer.alloc(2049, 7), value: Buffer.alloc(0) },
];

it('packs rows and takes them apart again as views', () => {
  for (const some of [rows, rows.slice(1), []]) {
    const packed = packRows(some);
    const unpacked = unpackRows(packed);
    expect(unpacked).toEqual(some);
    for (const { value } of unpacked) expect(value.buffer).toBe(packed.buffer);
    expect(unpackRows(new Uint8Array(packed))).toEqual(some);
    expect(hashPacked(packed)).toEqual(chunkHash(some));
  }
});

it('refuses bytes that are too short or too long, wherever they end', () => {
  const packed = packRows([rows[0]!, { key: Buffer.from('k'), value: Buffer.from('v') }]);
  for (let length = 0; length < packed.length; length++) {
    expect(() => unpackRows(packed.subarray(0, length))).toThrow(MalformedBytes);
  }
  expect(() => unpackRows(Buffer.concat([packed, Buffer.alloc(1)]))).toThrow('1 bytes too many');
});

it('has another hash where a byte is of another field', () => {
  const [a, b] = [Buffer.from('a'), Buffer.from('ab')];
  expect(chunkHash([{ key: a, value: b }])).not.toEqual(chunkHash([{ key: b, value: a }]));
});
