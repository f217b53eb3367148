import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ByteReader, ByteWriter, MalformedBytes } from './bytes.js';

const safe = fc.maxSafeNat();
const latin1 = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1'));

type Field =
  | { [K in 'u8' | 'u32' | 'u64' | 'varint']: { kind: K; value: number } }['u8' | 'u32' | 'u64' | 'varint']
  | { kind: 'i64'; value: bigint }
  | { kind: 'bytes'; value: Uint8Array }
  | { kind: 'latin1'; value: string };

const field: fc.Arbitrary<Field> = fc.oneof(
  fc.record({ kind: fc.constant('u8' as const), value: fc.nat(0xff) }),
  fc.record({ kind: fc.constant('u32' as const), value: fc.nat(0xffff_ffff) }),
  fc.record({ kind: fc.constant('u64' as const), value: safe }),
  fc.record({ kind: fc.constant('varint' as const), value: safe }),
  fc.record({ kind: fc.constant('i64' as const), value: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n) }),
  fc.record({ kind: fc.constant('bytes' as const), value: fc.uint8Array({ maxLength: 40 }) }),
  fc.record({ kind: fc.constant('latin1' as const), value: latin1 }),
);

function write(writer: ByteWriter, { kind, value }: Field): void {
  switch (kind) {
    case 'i64':
      writer.i64(value);
      return;
    case 'bytes':
      writer.bytes(value);
      return;
    case 'latin1':
      writer.latin1(value);
      return;
    default:
      writer[kind](value);
  }
}

it('reads back every field, however often the buffer had to grow', () => {
  fc.assert(
    fc.property(fc.array(field, { maxLength: 30 }), fc.nat(64), (fields, sizeHint) => {
      const writer = new ByteWriter(sizeHint);
      for (const each of fields) write(writer, each);
      const reader = new ByteReader(writer.finish());
      for (const { kind, value } of fields) {
        const read = reader[kind]();
        expect(typeof read === 'object' ? new Uint8Array(read) : read).toEqual(value);
      }
      reader.end('the fields');
    }),
  );
});

it('writes a varint in as few bytes as its size needs, up to 8', () => {
  const lengthOf = (value: number): number => new ByteWriter().varint(value).length;
  expect([0, 127, 128, 16_383, 16_384, Number.MAX_SAFE_INTEGER].map(lengthOf)).toEqual([1, 1, 2, 2, 3, 8]);
});

it('refuses bytes that end early, integers above 2^53 and bytes left over', () => {
  expect(() => new ByteReader(Buffer.alloc(3)).u32()).toThrow(MalformedBytes);
  expect(() => new ByteReader(Buffer.from([5, 1])).bytes()).toThrow(MalformedBytes);
  expect(() => new ByteReader(Buffer.alloc(8, 0xff)).u64()).toThrow('integer above 2^53');
  expect(() => new ByteReader(Buffer.alloc(9, 0xff)).varint()).toThrow('varint too long');
  expect(() => new ByteReader(Buffer.alloc(1)).end('it')).toThrow('1 bytes too many after it');
});
