import { limits } from '../../../src/model/limits.js';
import type { LogFields } from '../../../src/runtime/runtime.js';
import type { KeyspaceStatus } from '../../../src/transaction/service.js';
import type { Counts } from '../world/counts.js';
import type { SimNode } from '../world/sim-node.js';
import { keyspaceNames, type World } from '../world/world.js';

/** What is appended between two looks at a shared log's size. */
const sharedSlackBytes = 150_000;

/** Until a store that has grown, or whose disk was full, is trimmed again. */
const trimMsMax = 12_000;

/** In the reason for a snapshot: what comes next is not kept any more, by the source or in etcd. */
const isTooLate = /keeps it no longer/;
const isDiskHanging = /its disk hangs/;
const isTrimmedInEtcd = /the log no longer keeps/;

interface Logged {
  readonly joiner: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** Watches how nodes come to their copies, what they keep, and what they find when they compare them. */
export class Copies {
  /** What was counted already: joins by their beginning, checks by their mark. */
  readonly #seen = new Set<string>();
  /** Of transfers that have not ended, by the joiner: the donor. */
  readonly #donors = new Map<string, unknown>();
  readonly #oldest = new Map<string, number>();
  /** Since when a store keeps more than it may. */
  readonly #tooMuchSinceMs = new Map<string, number>();

  constructor({ trace, counts }: World) {
    trace.onLog = (joiner, message, fields) => this.#onLog(counts, { joiner, message, fields });
  }

  #onLog(counts: Counts, { joiner, message, fields }: Logged): void {
    if (message === 'this node takes a snapshot') {
      if (isTrimmedInEtcd.test(String(fields['why']))) counts.add('candidates that found the log trimmed');
      if (Number(fields['position'] ?? -1) >= 0 && isTooLate.test(String(fields['why'])))
        counts.add('lagging beyond retention');
    } else if (message === 'taking a copy') {
      const { donor, chunksHeld } = fields;
      const before = this.#donors.get(joiner);
      if (Number(chunksHeld) > 0) counts.add('resumed transfers');
      else if (before !== undefined) counts.add('transfers begun anew');
      if (before !== undefined && before !== donor) counts.add('transfers from another donor');
      this.#donors.set(joiner, donor);
    } else if (message === 'the role is lost') {
      if (isDiskHanging.test(String(fields['why']))) counts.add('roles that left a hanging disk');
    } else if (message === 'the copy is whole, verified and up to date') this.#donors.delete(joiner);
  }

  /** Looks at every node now, and at etcd. Returns what must not be. */
  note(world: World): string[] {
    return [...this.#sharedKeep(world), ...this.#nodesNote(world)];
  }

  #sharedKeep({ shared, etcd, upkeep }: World): string[] {
    const bytesMax = Math.min(limits.sharedLogBytesMax, upkeep.retention.entriesBytesMax) + sharedSlackBytes;
    return [...shared].flatMap((keyspace) => {
      const bytes = etcd!.logs.keptBytesOf(keyspace);
      return bytes > bytesMax ? [`etcd keeps ${bytes} bytes of ${keyspace}, more than ${bytesMax}`] : [];
    });
  }

  #nodesNote(world: World): string[] {
    return world.nodes.flatMap((node) =>
      keyspaceNames.flatMap((keyspace) => {
        const status = node.running?.keyspace(keyspace)?.status();
        const { full, hanging } = node.placeOf(keyspace).health;
        if (status === undefined || full || hanging) this.#tooMuchSinceMs.delete(`${node.id}/${keyspace}`);
        if (status === undefined) return [];
        this.#countJoins(world, node, status);
        this.#countTrimmed(world, node, status);
        return [...this.#checked(world, node, status), ...this.#keeps(world, node, status)].map(
          (problem) => `${node.id}/${keyspace} ${problem}`,
        );
      }),
    );
  }

  #countJoins({ counts }: World, node: SimNode, { name, join }: KeyspaceStatus): void {
    if (join === undefined || !this.#isNew(`${node.id}/${name} joins ${join.by} ${join.startedMs}`)) return;
    counts.add(`joins by ${join.by}`);
  }

  #checked({ counts }: World, node: SimNode, { name, check }: KeyspaceStatus): string[] {
    if (check === undefined || check.verdict === 'running') return [];
    if (!this.#isNew(`${node.id}/${name} ${check.mark} ${check.verdict}`)) return [];
    counts.add(`checks: ${check.verdict}`);
    return check.verdict === 'differs' ? [`differs at mark ${check.mark}: ${check.detail}`] : [];
  }

  #countTrimmed({ counts }: World, { id }: SimNode, { name, kept }: KeyspaceStatus): void {
    if (kept === undefined) return;
    const before = this.#oldest.get(`${id}/${name}`) ?? 0;
    if (kept.oldestPosition > before) counts.add('entries trimmed', kept.oldestPosition - before);
    this.#oldest.set(`${id}/${name}`, kept.oldestPosition);
  }

  /** More than it may, for longer than trimming takes. */
  #keeps({ time, upkeep }: World, { id }: SimNode, { name, kept, position }: KeyspaceStatus): string[] {
    const about = `${id}/${name}`;
    const bytesMax = upkeep.retention.entriesBytesMax + limits.keptBlockBytes;
    // The newest entry stays, however large.
    if (kept === undefined || kept.entriesBytes <= bytesMax || kept.oldestPosition === position) {
      this.#tooMuchSinceMs.delete(about);
      return [];
    }
    const sinceMs = this.#tooMuchSinceMs.get(about) ?? time.nowMs;
    this.#tooMuchSinceMs.set(about, sinceMs);
    if (time.nowMs - sinceMs <= trimMsMax) return [];
    this.#tooMuchSinceMs.set(about, Infinity);
    return [`keeps ${kept.entriesBytes} bytes of entries for ${time.nowMs - sinceMs} ms, not ${bytesMax}`];
  }

  #isNew(what: string): boolean {
    if (this.#seen.has(what)) return false;
    this.#seen.add(what);
    return true;
  }
}
