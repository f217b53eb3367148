import { afterEach, expect, it } from 'vitest';
import { begun, keyspaceId } from '../../test/support/begun-store.js';
import { Chain, set } from '../../test/support/chain.js';
import { ControlledNetwork } from '../../test/support/controlled-network.js';
import { eventually } from '../../test/support/eventually.js';
import { decodeEntryHeader } from '../model/entry.js';
import { keyspaceName, logPosition, nodeId, uuidToBytes } from '../model/ids.js';
import { silentLogger, type Runtime } from '../runtime/runtime.js';
import { createSystemRuntime } from '../runtime/system/runtime.js';
import type { AppliedListener, KeyspaceStore } from '../storage/store.js';
import {
  decodeEntriesFromSource,
  encodeEntriesFromFollower,
  type EntriesFromSource,
  type EntriesHello,
} from '../transport/messages.js';
import type { PeerStream } from '../transport/peer-transport.js';
import { EntryFeed } from './entry-feed.js';

const runtime: Runtime = createSystemRuntime(silentLogger);
const name = keyspaceName('default');
const feeds: EntryFeed[] = [];
afterEach(() => feeds.splice(0).forEach((feed) => feed.stop()));

/** A follower played by the test: what it was sent, and how its stream ended. */
class Played {
  readonly messages: EntriesFromSource[] = [];
  closed: string | undefined;

  constructor(readonly stream: PeerStream) {
    stream.onMessage((bytes) => void this.messages.push(decodeEntriesFromSource(bytes)));
    stream.onClose((reason) => (this.closed = reason));
  }

  get positions(): number[] {
    return this.messages.flatMap((m) =>
      m.type === 'entries' ? m.entries.map((bytes) => decodeEntryHeader(bytes).position) : [],
    );
  }

  get refused(): string | undefined {
    const welcome = this.messages.find((message) => message.type === 'welcome');
    return welcome?.type === 'welcome' ? welcome.refused : undefined;
  }
}

function feedOf(store: KeyspaceStore) {
  const feed = new EntryFeed(store, runtime);
  feeds.push(feed);
  const network = new ControlledNetwork(runtime.timers);
  const source = network.transport(nodeId('source'));
  let hello: EntriesHello;
  source.accept('entries', (stream) => feed.serve(stream, hello));
  void source.start();
  const follow = (next: number, hash: Buffer, history: Uint8Array = uuidToBytes(keyspaceId)): Played => {
    const nextPosition = next;
    hello = { type: 'hello', keyspace: name, node: 'f', keyspaceId: history, nextPosition, hash };
    return new Played(network.transport(nodeId('f')).open(nodeId('source'), 'entries'));
  };
  return { feed, follow };
}

async function withEntries(count: number) {
  const { store, chain } = await begun();
  for (let n = 0; n < count; n++) await store.apply([chain.transactions([set(`k${n}`)])]);
  return { store, chain };
}

it('a follower gets what it misses and what is applied from then on: dense, in order, each once', async () => {
  const { store, chain } = await withEntries(3);
  const { follow } = feedOf(store);
  const follower = follow(2, store.chainHashAt(1)!);
  await eventually(() => expect(follower.positions).toEqual([2, 3]));
  for (let n = 0; n < 3; n++) await store.apply([chain.transactions([set('more')])]);
  await eventually(() => expect(follower.positions).toEqual([2, 3, 4, 5, 6]));
});

it('an empty follower gets everything, from the genesis on', async () => {
  const { store } = await withEntries(2);
  const follower = feedOf(store).follow(0, Buffer.alloc(32), Buffer.alloc(0));
  await eventually(() => expect(follower.positions).toEqual([0, 1, 2]));
});

it('positions that followers say are synced are known', async () => {
  const { store } = await withEntries(2);
  const { feed, follow } = feedOf(store);
  const follower = follow(1, store.chainHashAt(0)!);
  await eventually(() => expect(feed.followers()).toEqual(new Map([['f', 0]])));
  follower.stream.send(encodeEntriesFromFollower({ type: 'applied', position: 2, seqno: 2 }));
  await eventually(() => expect(feed.followers()).toEqual(new Map([['f', 2]])));
  follower.stream.close('enough');
  await eventually(() => expect(feed.followers().size).toBe(0));
});

it.each([
  ['another history', 1, undefined, Buffer.alloc(16, 5)],
  ['another entry at its place', 2, Buffer.alloc(32, 5), undefined],
  ['a place ahead of the log', 9, Buffer.alloc(32, 5), undefined],
] as const)('a follower with %s is refused and sent nothing', async (_, next, hash, history) => {
  const { store } = await withEntries(2);
  const follower = feedOf(store).follow(next, hash ?? store.chainHashAt(next - 1)!, history);
  await eventually(() => follower.closed !== undefined);
  expect(follower.refused).toBe('HISTORY_MISMATCH');
  expect(follower.positions).toEqual([]);
});

it('a follower below the oldest entry kept is refused: as too old, or as another history where a hash proves it', async () => {
  const { store } = await withEntries(5);
  const hash = store.chainHashAt(0)!;
  await store.trim(logPosition(4));
  const { follow } = feedOf(store);
  const refusal = async (...place: Parameters<typeof follow>): Promise<string | undefined> => {
    const follower = follow(...place);
    await eventually(() => follower.closed !== undefined);
    return follower.refused;
  };
  expect(await refusal(1, hash)).toBe('CHANGES_TOO_OLD');
  expect(await refusal(1, Buffer.alloc(32, 1))).toBe('HISTORY_MISMATCH');
  expect(await refusal(0, Buffer.alloc(32), Buffer.alloc(0))).toBe('CHANGES_TOO_OLD');
});

it('an entry that is applied in the very turn in which the follower has caught up is not forgotten', async () => {
  const chain = new Chain((await begun()).chain.tail);
  const entries = [chain.transactions([set('a')]), chain.transactions([set('b')])];
  let listener: AppliedListener = () => {};
  const head = { keyspaceId, position: 1, seqno: 1, chainHash: Buffer.alloc(32) };
  const store = {
    head,
    oldestPosition: 0,
    chainHashAt: () => Buffer.alloc(32),
    onApplied: (added: AppliedListener) => {
      listener = added;
      return () => undefined;
    },
    entries: async (from: number) => [entries[from - 1]!],
  } as unknown as KeyspaceStore;
  const sent: number[] = [];
  const stream: PeerStream = {
    send: (bytes) => {
      const message = decodeEntriesFromSource(bytes);
      if (message.type !== 'entries') return true;
      sent.push(decodeEntryHeader(message.entries[0]!).position);
      if (sent.length === 1) queueMicrotask(applySecond);
      return true;
    },
    drained: async () => undefined,
    onMessage: () => undefined,
    pause: () => undefined,
    resume: () => undefined,
    onClose: () => undefined,
    close: () => undefined,
  };
  const applySecond = (): void => {
    head.position = 2;
    listener([{ entry: decodeEntryHeader(entries[1]!), bytes: entries[1]! } as never], head as never);
  };
  const feed = new EntryFeed(store, runtime);
  feeds.push(feed);
  const hello = { keyspaceId: uuidToBytes(keyspaceId), nextPosition: 1, hash: Buffer.alloc(32) };
  feed.serve(stream, { type: 'hello', keyspace: name, node: 'f', ...hello });
  await eventually(() => expect(sent).toEqual([1, 2]));
});
