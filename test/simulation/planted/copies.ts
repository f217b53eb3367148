import { vi } from 'vitest';
import { KeyspaceNode } from '../../../src/server/keyspace-node.js';
import { Census } from '../../../src/storage/census.js';
import { SnapshotReader } from '../../../src/storage/snapshot-reader.js';
import type { Row } from '../../../src/storage/store.js';
import type { WrapPlace } from '../world/wraps.js';
import { withoutSync } from '../../support/faulty-database.js';
import { databases, losingRecords } from './databases.js';
import { withoutOrderInTheIndex } from './judging.js';
import { divert, followingAnything } from './modules.js';

type Rows = typeof SnapshotReader.prototype.rows;

/** What donors read of their snapshots is changed before it is sent. */
function givingRows(
  change: (rows: readonly Row[], goOn: (after: Buffer) => ReturnType<Rows>) => ReturnType<Rows>,
) {
  const { rows } = SnapshotReader.prototype;
  vi.spyOn(SnapshotReader.prototype, 'rows').mockImplementation(async function (
    this: SnapshotReader,
    after,
    bytesMax,
  ) {
    return change(await rows.call(this, after, bytesMax), (from) => rows.call(this, from, bytesMax));
  });
}

/** The last chunk of a copy is not sent, and not counted. */
export function losingTheLastChunk(): void {
  givingRows(async (found, goOn) => {
    const last = found.at(-1)?.key;
    if (last === undefined) return found;
    return (await goOn(last)).length === 0 ? [] : found;
  });
}

/** A copy has no outcomes. */
export function givingNoOutcomes(): void {
  givingRows((found) => Promise.resolve(found.filter(({ key }) => key[0] !== 'o'.charCodeAt(0))));
}

/** What is not kept any more is left out of a stream of entries, and whoever follows takes what comes. */
export function followingOverTrimmedEntries(): void {
  const { open } = KeyspaceNode;
  vi.spyOn(KeyspaceNode, 'open').mockImplementation(async (options) => {
    const node = await open.call(KeyspaceNode, options);
    const { feed, store } = node;
    const serve = feed.serve.bind(feed);
    feed.serve = (stream, hello) => {
      const { oldestPosition } = store;
      if (hello.keyspaceId.length === 0 || hello.nextPosition >= oldestPosition) return serve(stream, hello);
      const hash = store.chainHashAt(oldestPosition - 1) ?? hello.hash;
      serve(stream, { ...hello, nextPosition: oldestPosition, hash });
    };
    return node;
  });
  divert({ decodeFollowing: followingAnything });
  withoutOrderInTheIndex();
}

/** The home's log is shorter after a crash than it was, and who is ahead of it is not asked. */
export function leadingWithAShorterLog(): WrapPlace {
  divert({ disagreement: () => () => undefined });
  return databases(withoutSync);
}

/** Rows of an incoming copy are lost now and then, and it is taken as it is. */
export function servingUnverifiedCopies(): WrapPlace {
  divert({ verifyRows: (real) => (database, chunks) => real(database, chunks).catch(() => new Map()) });
  const losing = losingRecords(20);
  return (place) => ({ ...place, openIncoming: losing(() => place.openIncoming()) });
}

/** Outcomes are forgotten so long before the id floor is there. */
export function forgettingTooEarly(earlierMs: number): void {
  divert({
    dropOutcomes: (real) => (state) => {
      const { head, database, snapshot, oldestPosition, hashBeforeOldest } = state;
      const risen = { ...head, idFloorMs: head.idFloorMs + earlierMs };
      const seen = { head: risen, database, snapshot, oldestPosition, hashBeforeOldest };
      return real(seen as typeof state, Infinity);
    },
  });
}

/** A store keeps what it has: its census says that nothing is too much. */
export function trimmingNothing(): void {
  vi.spyOn(Census.prototype, 'positionWithin').mockReturnValue(0);
  vi.spyOn(Census.prototype, 'positionSince').mockReturnValue(0);
}

/** A copy that the operator gave up is removed. */
export const keepingNothingAside: WrapPlace = (place) => ({
  ...place,
  exchange: () => place.exchange({ setAside: false }),
});
