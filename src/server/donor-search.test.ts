import { expect, it } from 'vitest';
import { ManualTime } from '../../test/support/manual-time.js';
import { nextTurn } from '../../test/support/turn.js';
import { nodeId, regionId, uuidToBytes, type KeyspaceId } from '../model/ids.js';
import { silentLogger } from '../runtime/runtime.js';
import { DonorSearch } from './donor-search.js';
import type { PeerCopy } from './donors.js';

const history = '11111111-2222-4333-8444-555555555555' as KeyspaceId;
const joining: PeerCopy = {
  node: nodeId('home'),
  region: regionId('a'),
  reachable: true,
  roundTripMs: 1,
  said: {
    name: 'default',
    keyspaceId: uuidToBytes(history),
    state: 'joining',
    sequencing: false,
    detail: '',
    position: 7,
    seqno: 7,
    hash: Buffer.alloc(32),
    epoch: 1,
    seenPosition: 7,
    restorable: false,
    checkMark: '',
    checkPosition: 0,
    checkHash: Buffer.alloc(0),
  },
};
const serving: PeerCopy = { ...joining, said: { ...joining.said!, state: 'synced' } };

/** A search that looks around; `answer`: what it came to, once it has. */
function looking() {
  const time = new ManualTime();
  const scene = { copy: joining, isOver: false, answer: undefined as boolean | undefined };
  const random = { bytes: (count: number) => Buffer.alloc(count), fraction: () => 0 };
  const search = new DonorSearch({
    region: regionId('b'),
    home: nodeId('home'),
    shared: false,
    peers: () => [scene.copy],
    runtime: { ...time, random, logger: silentLogger },
  });
  void search.soon(() => scene.isOver).then((found) => (scene.answer = found));
  const pass = async (ms: number): Promise<void> => {
    for (let at = 0; at < ms; at += 50) {
      await nextTurn();
      time.advance(50);
    }
    await nextTurn();
  };
  return { scene, pass };
}

it('is patient for as long as gossip may be late, and finds who serves meanwhile', async () => {
  const { scene, pass } = looking();
  await pass(2900);
  expect(scene.answer).toBeUndefined();
  scene.copy = serving;
  await pass(50);
  expect(scene.answer).toBe(true);
});

it('finds nobody after that time', async () => {
  const { scene, pass } = looking();
  await pass(3100);
  expect(scene.answer).toBe(false);
});

it('looks no longer when that is of no use any more: its node stops', async () => {
  const { scene, pass } = looking();
  await pass(100);
  scene.isOver = true;
  await pass(50);
  expect(scene.answer).toBe(false);
});
