import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { ManualTime } from '../../test/support/manual-time.js';
import { nodeId, regionId, uuidToBytes, type KeyspaceId } from '../model/ids.js';
import { limitsFingerprint } from '../model/limits.js';
import { silentLogger } from '../runtime/runtime.js';
import { createLoopbackPair } from '../transport/loopback.js';
import { encodeGossipMessage, type GossipStatus } from '../transport/messages.js';
import type { PeerStream } from '../transport/peer-transport.js';
import { Gossip } from './gossip.js';

const east = nodeId('east');
const keyspaceId = '11111111-2222-4333-8444-555555555555' as KeyspaceId;
const ours = createHash('sha256').update(limitsFingerprint()).digest();
const others = createHash('sha256').update('{}').digest();

/** What is known of east's copy after it has told its status. */
function toldBy(fingerprint: Buffer) {
  const time = new ManualTime();
  let accept: (stream: PeerStream, from: typeof east) => void = () => {};
  const gossip = new Gossip({
    self: nodeId('home'),
    region: regionId('home'),
    peers: [{ id: east, region: regionId('east') }],
    transport: {
      open: () => createLoopbackPair(time.timers)[0],
      accept: (_, acceptor) => (accept = acceptor),
      start: () => Promise.resolve(),
      stop: () => Promise.resolve(),
    },
    runtime: {
      ...time,
      random: { bytes: (count) => Buffer.alloc(count), fraction: () => 0 },
      logger: silentLogger,
    },
    keyspaces: () => [],
  });
  const [atEast, atHome] = createLoopbackPair(time.timers);
  accept(atHome, east);
  const keyspace: GossipStatus['keyspaces'][number] = {
    ...{ name: 'default', keyspaceId: uuidToBytes(keyspaceId), state: 'synced', detail: '' },
    ...{ position: 7, seqno: 5, hash: Buffer.alloc(32), epoch: 1, sequencing: false, seenPosition: 7 },
    ...{ checkMark: 'm', checkPosition: 6, checkHash: Buffer.alloc(32, 1), restorable: false },
  };
  const said = { type: 'status', node: 'east', region: 'east', wallMs: 0, ping: 1 } as const;
  atEast.send(encodeGossipMessage({ ...said, limitsFingerprint: fingerprint, keyspaces: [keyspace] }));
  time.advance(1);
  return gossip.told('default');
}

it('the hash of a node with other limits is not compared: it is of another version, which may hash otherwise', () => {
  const check = { mark: 'm', position: 6, hash: '01'.repeat(32) };
  expect(toldBy(ours)).toEqual([{ node: east, keyspaceId, position: 7, check }]);
  expect(toldBy(others)).toEqual([{ node: east, keyspaceId, position: 7, check: undefined }]);
});
