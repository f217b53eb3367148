import { expect, it } from 'vitest';
import type { CertifyWelcome } from '../transport/messages.js';
import { SeenLog } from './seen-log.js';

const nobody = Buffer.alloc(16);
const [first, second] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];
const welcome = (keyspaceId: Buffer, epoch: number): CertifyWelcome => ({
  ...{ type: 'welcome', keyspace: 'default', nonce: Buffer.alloc(16), node: 'home' },
  ...{ keyspaceId, epoch, tailPosition: 0, tailSeqno: 0, tailHash: Buffer.alloc(32) },
});

it('keeps the highest epoch and tail of a history, and refuses an epoch below', () => {
  const seen = new SeenLog();
  expect(seen.accepts(welcome(first, 3))).toBe(true);
  seen.heard({ position: 9, seqno: 8 });
  seen.heard({ position: 4, seqno: 4 });
  expect(seen.accepts(welcome(first, 2))).toBe(false);
  expect(seen.accepts(welcome(first, 4))).toBe(true);
  expect(seen).toMatchObject({ epoch: 4, tail: { position: 9, seqno: 8 } });
});

it('begins anew with another history, also at a lower epoch', () => {
  const seen = new SeenLog();
  seen.accepts(welcome(first, 3));
  seen.heard({ position: 9, seqno: 8 });
  expect(seen.accepts(welcome(second, 1))).toBe(true);
  expect(seen).toMatchObject({ epoch: 1, tail: { position: -1, seqno: 0 } });
});

it('does not forget for a home that has lost its log', () => {
  const seen = new SeenLog();
  seen.accepts(welcome(first, 3));
  seen.heard({ position: 9, seqno: 8 });
  expect(seen.accepts(welcome(nobody, 0))).toBe(false);
  expect(seen).toMatchObject({ epoch: 3, tail: { position: 9, seqno: 8 } });
  expect(seen.accepts(welcome(first, 3))).toBe(true);
});
