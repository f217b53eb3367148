import { expect, it } from 'vitest';
import { keyspaceId } from '../../test/support/begun-store.js';
import { nextTurn } from '../../test/support/turn.js';
import { keyspaceName, nodeId, uuidToBytes } from '../model/ids.js';
import { limits } from '../model/limits.js';
import { silentLogger } from '../runtime/runtime.js';
import { createSystemRuntime } from '../runtime/system/runtime.js';
import type { KeyspaceStore } from '../storage/store.js';
import { encodeEntriesFromSource, type EntriesFromSource } from '../transport/messages.js';
import type { PeerStream } from '../transport/peer-transport.js';
import { Follower } from './follower.js';

const mib = 1024 * 1024;

/** A follower whose store applies when the test lets it, on a stream that the test plays. */
function slowFollower() {
  const groups: { bytes: number; done: () => void }[] = [];
  const head = { keyspaceId, position: 0, seqno: 0, chainHash: Buffer.alloc(32) };
  const apply = (entries: readonly Uint8Array[]): Promise<void> =>
    new Promise((resolve) => {
      const bytes = entries.reduce((sum, entry) => sum + entry.length, 0);
      const done = (): void => {
        head.position += entries.length;
        resolve();
      };
      groups.push({ bytes, done });
    });
  let listener: (message: Uint8Array) => void = () => {};
  const stream = {
    paused: false,
    send: () => true,
    drained: async () => undefined,
    onMessage: (told: (message: Uint8Array) => void) => void (listener = told),
    pause: () => void (stream.paused = true),
    resume: () => void (stream.paused = false),
    onClose: () => undefined,
    close: () => undefined,
  };
  const transport = {
    open: () => stream satisfies PeerStream,
    accept: () => undefined,
    start: async () => undefined,
    stop: async () => undefined,
  };
  const follower = new Follower({
    keyspace: keyspaceName('default'),
    self: nodeId('east'),
    source: () => nodeId('home'),
    store: { head, apply } as unknown as KeyspaceStore,
    transport,
    runtime: createSystemRuntime(silentLogger),
    takeSnapshot: () => {},
  });
  follower.start();
  const say = (message: EntriesFromSource): void => listener(encodeEntriesFromSource(message));
  say({
    type: 'welcome',
    keyspaceId: uuidToBytes(keyspaceId),
    position: 0,
    seqno: 0,
    hash: head.chainHash,
    refused: '',
  });
  const receive = (count: number): void => {
    for (let n = 0; n < count; n++) say({ type: 'entries', entries: [new Uint8Array(mib)] });
  };
  return { follower, stream, groups, receive, say };
}

it('a follower that applies slowly pauses its stream at the bound, and goes on when half of it is applied', async () => {
  const { stream, groups, receive } = slowFollower();
  const bound = limits.followerQueueBytesMax / mib;
  receive(1 + bound);
  expect(stream.paused).toBe(false);
  receive(1);
  expect(stream.paused).toBe(true);
  for (let at = 0; stream.paused; at++) {
    expect(at).toBeLessThan(groups.length);
    groups[at]!.done();
    await nextTurn();
  }
  const left = 2 + bound - groups.slice(0, -1).reduce((sum, { bytes }) => sum + bytes / mib, 0);
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThan(bound);
});

it('entries that gathered are applied in groups of bounded bytes', async () => {
  const { groups, receive } = slowFollower();
  receive(12);
  for (let at = 0; at < groups.length; at++) {
    groups[at]!.done();
    await nextTurn();
  }
  const sizes = groups.map(({ bytes }) => bytes);
  expect(sizes.reduce((sum, bytes) => sum + bytes, 0)).toBe(12 * mib);
  expect(Math.max(...sizes)).toBe(limits.applyGroupBytesMax);
});

it('is catching up while it is far behind the tail, and synced when it is there', async () => {
  const { follower, groups, receive, say } = slowFollower();
  expect(follower.state.kind).toBe('synced');
  say({ type: 'heartbeat', position: 1500, seqno: 1500, wallMs: 0 });
  expect(follower.state).toEqual({ kind: 'catching-up', detail: '1500 entries behind home' });
  say({ type: 'heartbeat', position: 1, seqno: 1, wallMs: 0 });
  expect(follower.state.kind).toBe('catching-up');
  receive(1);
  groups[0]!.done();
  await nextTurn();
  expect(follower.state.kind).toBe('synced');
});
