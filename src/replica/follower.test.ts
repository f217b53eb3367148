import { expect, it } from 'vitest';
import { logPosition, nodeId, keyspaceName, seqno, uuidToBytes, mintKeyspaceId } from '../model/ids.js';
import { emptyHead } from '../storage/follow.js';
import { openKeyspaceStore } from '../storage/keyspace-store.js';
import { silentLogger, type Runtime } from '../runtime/runtime.js';
import {
  decodeEntriesFromFollower,
  encodeEntriesFromSource,
  type EntriesHello,
} from '../transport/messages.js';
import { createLoopbackPair } from '../transport/loopback.js';
import type { PeerStream, PeerTransport } from '../transport/peer-transport.js';
import { Chain, set } from '../../test/support/chain.js';
import { eventually } from '../../test/support/eventually.js';
import { FaultyDisk } from '../../test/support/faulty-database.js';
import { ManualTime } from '../../test/support/manual-time.js';
import { Follower } from './follower.js';

/** A source of entries that a test plays: every stream that the follower opens, with its hello. */
class Source {
  readonly streams: { readonly stream: PeerStream; hello: EntriesHello | undefined }[] = [];
  readonly transport: PeerTransport;

  constructor(time: ManualTime) {
    this.transport = {
      open: () => {
        const [opened, accepted] = createLoopbackPair(time.timers);
        const one: Source['streams'][number] = { stream: accepted, hello: undefined };
        accepted.onMessage((bytes) => {
          const message = decodeEntriesFromFollower(bytes);
          if (message.type === 'hello') one.hello = message;
        });
        this.streams.push(one);
        return opened;
      },
      accept: () => {},
      start: async () => {},
      stop: async () => {},
    };
  }

  send(entries: readonly Uint8Array[]): void {
    this.streams.at(-1)!.stream.send(encodeEntriesFromSource({ type: 'entries', entries }));
  }
}

it.each(['lost', 'written'] as const)(
  'begins anew after a write that failed (%s) while entries went on coming',
  async (fault) => {
    const time = new ManualTime();
    const random = { bytes: (count: number) => Buffer.alloc(count, 1), fraction: () => 0 };
    const runtime: Runtime = { ...time, random, logger: silentLogger };
    const disk = new FaultyDisk();
    const store = await openKeyspaceStore(disk.open, silentLogger);
    const chain = new Chain(emptyHead);
    const keyspaceId = mintKeyspaceId(random.bytes(16));
    const entries = [chain.next({ kind: 'genesis', keyspaceId, keyspace: 'k' })];
    for (const value of ['a', 'b', 'c']) entries.push(chain.transactions([set('key', value)]));
    const source = new Source(time);
    const [self, from] = [nodeId('self'), nodeId('source')];
    const { transport } = source;
    const follower = new Follower({
      keyspace: keyspaceName('k'),
      self,
      source: () => from,
      store,
      transport,
      runtime,
      takeSnapshot: () => {},
    });
    follower.start();
    time.advance(1);
    disk.faults.push(fault);
    source.send(entries.slice(0, 2));
    time.advance(1);
    await eventually(() => disk.faults.length === 0, { what: 'the failed write' });
    source.send(entries.slice(2, 3));
    const followed = await eventually(() => {
      time.advance(100);
      return source.streams.at(1)?.hello ?? false;
    });
    expect(followed.nextPosition).toBe(store.head.position + 1);
    const hash = fault === 'written' ? store.chainHashAt(followed.nextPosition - 1)! : emptyHead.chainHash;
    const tail = { position: logPosition(3), seqno: seqno(3), hash, keyspaceId: uuidToBytes(keyspaceId) };
    source.streams[1]!.stream.send(encodeEntriesFromSource({ type: 'welcome', ...tail, refused: '' }));
    source.send(entries.slice(followed.nextPosition));
    time.advance(1);
    await eventually(() => store.head.position === 3, { what: 'all entries applied' });
    expect(follower.state.kind).toBe('synced');
    await follower.stop();
    await store.close();
  },
);

it('leaves a silent stream when it is told that the source has begun anew', async () => {
  const time = new ManualTime();
  const random = { bytes: (count: number) => Buffer.alloc(count, 1), fraction: () => 0 };
  const store = await openKeyspaceStore(new FaultyDisk().open, silentLogger);
  const source = new Source(time);
  const follower = new Follower({
    keyspace: keyspaceName('k'),
    self: nodeId('self'),
    source: () => nodeId('source'),
    store,
    transport: source.transport,
    runtime: { ...time, random, logger: silentLogger },
    takeSnapshot: () => {},
  });
  follower.start();
  time.advance(1000);
  expect(source.streams).toHaveLength(1);
  follower.redial();
  await eventually(() => {
    time.advance(100);
    return source.streams.length === 2;
  });
  await follower.stop();
  await store.close();
});
