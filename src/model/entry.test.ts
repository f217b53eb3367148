import fc from 'fast-check';
import { expect, it } from 'vitest';
import { anyEntry } from '../../test/support/model-arbitraries.js';
import { Chain, set } from '../../test/support/chain.js';
import { MalformedBytes } from './bytes.js';
import {
  decodeEntry,
  decodeEntryHeader,
  encodeEntry,
  entryHash,
  entryOverheadBytes,
  itemOverheadBytes,
  lastSeqnoOf,
  verifyEntryBytes,
  zeroHash,
} from './entry.js';
import { epoch, seqno } from './ids.js';
import { limits } from './limits.js';

const start = { position: 0, seqno: 0, epoch: epoch(0), chainHash: zeroHash };

it('reads back what was written', () => {
  fc.assert(
    fc.property(anyEntry, (entry) => {
      expect(decodeEntry(encodeEntry(entry))).toEqual(entry);
    }),
  );
});

it('reads the header alone, and verifies the bytes without reading the content', () => {
  fc.assert(
    fc.property(anyEntry, (entry) => {
      const bytes = encodeEntry(entry);
      const { content: _, ...header } = entry;
      expect(decodeEntryHeader(bytes.subarray(0, 100))).toEqual(header);
      expect(verifyEntryBytes(bytes)).toEqual(header);
    }),
  );
});

it('refuses any flipped bit', () => {
  fc.assert(
    fc.property(anyEntry, fc.nat(), fc.nat(7), (entry, at, bit) => {
      const bytes = encodeEntry(entry);
      const index = at % bytes.length;
      bytes[index] = bytes[index]! ^ (1 << bit);
      expect(() => decodeEntry(bytes)).toThrow();
      expect(() => verifyEntryBytes(bytes)).toThrow();
    }),
  );
});

it('refuses every shorter prefix, and bytes left over', () => {
  const bytes = new Chain(start).transactions([set('a')]);
  for (let length = 0; length < bytes.length; length++) {
    expect(() => decodeEntry(bytes.subarray(0, length)), `length ${length}`).toThrow(MalformedBytes);
  }
  expect(() => decodeEntry(Buffer.concat([bytes, Buffer.alloc(1)]))).toThrow(MalformedBytes);
});

it('counts transactions: the last seqno of an entry without any is that before it', () => {
  const chain = new Chain({ ...start, seqno: 7 });
  const [barrier, batch] = [chain.barrier(), chain.transactions([set('a')], [set('b')])];
  expect(lastSeqnoOf(decodeEntryHeader(barrier))).toBe(seqno(7));
  expect(lastSeqnoOf(decodeEntryHeader(batch))).toBe(seqno(9));
});

it('chains: its hash depends on all before it', () => {
  const [one, other] = [new Chain(start), new Chain({ ...start, chainHash: Buffer.alloc(32, 1) })];
  expect(entryHash(one.barrier())).not.toEqual(entryHash(other.barrier()));
});

it('adds no more to its items than it says, so that one largest transaction fits', () => {
  const largest = Buffer.alloc(limits.transactionBytesMax);
  const entry = new Chain(start).batch([{ kind: 'transaction', writeSet: largest }], Number.MAX_SAFE_INTEGER);
  expect(entry.length).toBeLessThanOrEqual(largest.length + entryOverheadBytes + itemOverheadBytes);
  expect(entry.length).toBeLessThanOrEqual(limits.entryBytesMax);
});
