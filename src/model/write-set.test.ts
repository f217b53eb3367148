import fc from 'fast-check';
import { expect, it } from 'vitest';
import { anyWriteSet } from '../../test/support/model-arbitraries.js';
import { atomic, emptyContentHash, key, removeRange, set, testId } from '../../test/support/chain.js';
import { MalformedBytes } from './bytes.js';
import {
  contentHashOf,
  decodeWriteSet,
  decodeWriteSetHeader,
  encodeWriteSet,
  type Effect,
  type Mutation,
  type WriteSet,
} from './write-set.js';

function writeSet(...mutations: Mutation[]): WriteSet {
  const header = { id: testId(1), contentHash: emptyContentHash, isolation: 'serializable' } as const;
  return { ...header, snapshot: undefined, mutations };
}

it('reads back what was written', () => {
  fc.assert(
    fc.property(anyWriteSet, (each) => {
      expect(decodeWriteSet(encodeWriteSet(each))).toEqual(each);
    }),
  );
});

it('reads the header without the values, with the effect of every mutation', () => {
  fc.assert(
    fc.property(anyWriteSet, (each) => {
      const encoded = encodeWriteSet(each);
      const headerOnly = encoded.subarray(0, encoded.readUInt32BE(1));
      const { mutations, ...header } = each;
      expect(decodeWriteSetHeader(headerOnly)).toEqual({ ...header, effects: mutations.map(effectOf) });
    }),
  );
});

/** What protocol.md's rules say of each kind, written apart from the code that they judge. */
function effectOf(mutation: Mutation): Effect {
  if (mutation.kind === 'deleteRange') return { kind: 'range', range: mutation.range };
  const isAtomic = mutation.kind === 'sum' || mutation.kind === 'min' || mutation.kind === 'max';
  return { kind: isAtomic && !mutation.asPlain ? 'atomic' : 'plain', key: mutation.key };
}

it('refuses every shorter prefix, and bytes left over', () => {
  const encoded = encodeWriteSet(
    writeSet(set('a', 'some value', 9), atomic('sum', 'n', 5n), removeRange('a', 'b')),
  );
  for (let length = 0; length < encoded.length; length++) {
    expect(() => decodeWriteSet(encoded.subarray(0, length)), `length ${length}`).toThrow(MalformedBytes);
  }
  expect(() => decodeWriteSet(Buffer.concat([encoded, Buffer.alloc(1)]))).toThrow(MalformedBytes);
});

it('refuses an unknown format, an unknown mutation, and a header of another length than it says', () => {
  const encoded = encodeWriteSet(writeSet({ kind: 'delete', key: key('a') }));
  const changed = (at: number, byte: number): Buffer => Buffer.from(encoded).fill(byte, at, at + 1);
  expect(() => decodeWriteSet(changed(0, 2))).toThrow('unknown format 2');
  expect(() => decodeWriteSet(changed(4, 99))).toThrow('another length');
  expect(() => decodeWriteSet(changed(encoded.length - 3, 15))).toThrow('unknown kind 15');
});

it('gives values that share memory with the bytes', () => {
  const encoded = encodeWriteSet(writeSet(set('a', 'value')));
  const [mutation] = decodeWriteSet(encoded).mutations;
  encoded.fill(0x78);
  expect(mutation).toMatchObject({ bytes: Buffer.from('xxxxx') });
});

it('hashes contents so that no two ways to cut the same bytes are alike', () => {
  const cuts = [['ab', 'c'], ['a', 'bc'], ['abc'], ['abc', ''], ['1:a', 'bc']];
  const hashes = cuts.map((pieces) => contentHashOf(pieces).toString('hex'));
  expect(new Set(hashes).size).toBe(cuts.length);
  expect(contentHashOf(['é'])).toEqual(contentHashOf([Buffer.from('é')]));
});
