import { expect, it } from 'vitest';
import { begun, keyspaceId } from '../../test/support/begun-store.js';
import { set } from '../../test/support/chain.js';
import { logPosition, mintKeyspaceId, nodeId, seqno, uuidToBytes } from '../model/ids.js';
import type { CertifyHello } from '../transport/messages.js';
import { disagreement, type History } from './history-guard.js';

const east = nodeId('east');
const replacedId = mintKeyspaceId(Buffer.alloc(16, 9));

/** A log of three transactions that keeps its newest entry alone, and replaced another history. */
async function log(): Promise<History> {
  const { store, chain } = await begun();
  for (const name of ['a', 'b', 'c']) await store.apply([chain.transactions([set(name)])]);
  const hashes = [0, 1, 2, 3].map((position) => store.chainHashAt(position));
  await store.trim(logPosition(3));
  return {
    head: store.head,
    replaced: [{ keyspaceId: replacedId, position: 77, seqno: seqno(70) }],
    // Of position 0 no hash is kept.
    chainHashAt: (position) => (position === 0 ? undefined : hashes[position]),
  };
}

const hello = (position: number, hash: Buffer, more: Partial<CertifyHello> = {}): CertifyHello => ({
  ...{ type: 'hello', node: east, keyspaceId: uuidToBytes(keyspaceId), position, hash },
  ...{ seenEpoch: 0, seenPosition: position, ...more },
});

it('a prefix of the log is no danger, also where its entries are no longer kept', async () => {
  const history = await log();
  for (const position of [1, 2, 3])
    expect(disagreement(east, hello(position, history.chainHashAt(position)!), history)).toBeUndefined();
});

it('another entry stops it wherever a hash of that place is kept, and proves nothing where none is', async () => {
  const history = await log();
  const wrong = Buffer.alloc(32, 1);
  for (const position of [1, 2, 3])
    expect(disagreement(east, hello(position, wrong), history)).toMatch(/holds another entry/);
  expect(disagreement(east, hello(0, wrong), history)).toBeUndefined();
});

it('a peer that holds or has seen more of the log than there is stops it', async () => {
  const history = await log();
  const hash = history.chainHashAt(3)!;
  expect(disagreement(east, hello(4, hash), history)).toMatch(/ahead of the log/);
  expect(disagreement(east, hello(3, hash, { seenPosition: 4 }), history)).toMatch(/has seen position 4/);
  expect(disagreement(east, hello(3, hash, { seenEpoch: 1 }), history)).toMatch(/has seen epoch 1/);
});

it('another history stops it, unless it is one that this log has replaced, however far that had come', async () => {
  const history = await log();
  const of = (id: typeof keyspaceId) =>
    hello(99, Buffer.alloc(32, 1), { keyspaceId: uuidToBytes(id), seenPosition: 120, seenEpoch: 8 });
  expect(disagreement(east, of(mintKeyspaceId(Buffer.alloc(16, 8))), history)).toMatch(/another history/);
  expect(disagreement(east, of(replacedId), history)).toBeUndefined();
});
