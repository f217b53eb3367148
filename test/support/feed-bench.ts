import type { Failure, Result } from '../../src/model/errors.js';
import { gtid, type Gtid } from '../../src/model/gtid.js';
import { seqno } from '../../src/model/ids.js';
import { describeKey, firstKey, type KeyRange } from '../../src/model/keys.js';
import { silentLogger, type Runtime } from '../../src/runtime/runtime.js';
import { createSystemRuntime } from '../../src/runtime/system/runtime.js';
import type { KeyspaceStore } from '../../src/storage/store.js';
import { ChangeFeeds } from '../../src/transaction/changes/change-feeds.js';
import type { Change, ChangeBatch, ChangeFeed, CommitEvent } from '../../src/transaction/service.js';
import { begun, keyspaceId } from './begun-store.js';
import type { Chain } from './chain.js';
import type { FaultyDisk } from './faulty-database.js';
import { ManualTime } from './manual-time.js';
import { valueOf } from './requests.js';

export const everyKey: KeyRange = { start: firstKey, end: undefined };

/** The GTID of a seqno of the history that `begun` begins. */
export const at = (value: number): Gtid => gtid(keyspaceId, seqno(value));

/** Change feeds on a store of their own, in time that a test moves. */
export class FeedBench {
  readonly time = new ManualTime();
  readonly feeds: ChangeFeeds;
  /** Why the node does not serve. */
  refusal: Failure | undefined;
  /** Pages of entries that were read from the store. */
  pagesRead = 0;

  constructor(
    readonly disk: FaultyDisk,
    readonly store: KeyspaceStore,
    readonly chain: Chain,
    recentBytesMax?: number,
  ) {
    const entries = store.entries.bind(store);
    store.entries = (from, bytesMax) => {
      this.pagesRead += 1;
      return entries(from, bytesMax);
    };
    const { random } = createSystemRuntime(silentLogger);
    const { clock, timers } = this.time;
    // Turns of the event loop come by themselves, time does not.
    const soon = (action: () => void): void => void setImmediate(action);
    const runtime: Runtime = { clock, timers: { ...timers, soon }, random, logger: silentLogger };
    const bound = recentBytesMax === undefined ? {} : { recentBytesMax };
    this.feeds = new ChangeFeeds({ store, runtime, notServing: () => this.refusal, ...bound });
  }

  static async begin(recentBytesMax?: number): Promise<FeedBench> {
    const { disk, store, chain } = await begun();
    return new FeedBench(disk, store, chain, recentBytesMax);
  }

  readonly open = (from: Gtid | undefined = at(0), range: KeyRange = everyKey): ChangeFeed =>
    valueOf(this.feeds.open({ from, range }));
}

/** The next batch in short: `seqno: a=value -b -[c,d)`, one per commit. */
export async function nextShown(feed: ChangeFeed): Promise<readonly string[]> {
  return valueOf(await feed.next()).commits.map(shown);
}

export function shown({ gtid: of, changes }: CommitEvent): string {
  return [`${of.slice(of.indexOf(':') + 1)}:`, ...changes.map(shownChange)].join(' ');
}

function shownChange(change: Change): string {
  if (change.kind === 'deleted') return `-${describeKey(change.key)}`;
  if (change.kind === 'deletedRange') return `-[${change.range.start},${change.range.end ?? ''})`;
  const { value } = change.value;
  return `${describeKey(change.key)}=${value.kind === 'counter' ? value.count : Buffer.from(value.bytes).toString()}`;
}

/** Calls `next` until the feed stands at `position`; what came, in short. */
export async function readUpTo(feed: ChangeFeed, position: Gtid): Promise<readonly string[]> {
  const commits: string[] = [];
  while (feed.position !== position) commits.push(...(await nextShown(feed)));
  return commits;
}

/** Whether a call has ended, without waiting for it. */
export function watched(call: Promise<Result<ChangeBatch>>): { readonly ended: () => boolean } {
  let ended = false;
  void call.finally(() => (ended = true));
  return { ended: () => ended };
}
