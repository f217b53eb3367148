import { limits } from '../../../src/model/limits.js';
import type { KeyspaceStatus } from '../../../src/transaction/service.js';
import type { SimNode } from '../world/sim-node.js';
import { keyspaceNames, type World } from '../world/world.js';

/** Until a store that has grown, or whose disk was full, is trimmed again. */
const trimMsMax = 12_000;

/** Watches how nodes come to their copies, what they keep, and what they find when they compare them. */
export class Copies {
  /** What was counted already: joins by their beginning, checks by their mark. */
  readonly #seen = new Set<string>();
  /** Since when a store keeps more than it may. */
  readonly #tooMuchSinceMs = new Map<string, number>();

  /** Looks at every node now. Returns what must not be. */
  note(world: World): string[] {
    return world.nodes.flatMap((node) =>
      keyspaceNames.flatMap((keyspace) => {
        const status = node.running?.keyspace(keyspace)?.status();
        if (status === undefined) return [];
        this.#countJoins(world, node, status);
        return [...this.#checked(world, node, status), ...this.#keeps(world, node, status)].map(
          (problem) => `${node.id}/${keyspace} ${problem}`,
        );
      }),
    );
  }

  #countJoins({ counts }: World, node: SimNode, { name, join, state }: KeyspaceStatus): void {
    if (join === undefined || !this.#isNew(`${node.id}/${name} joins ${join.by} ${join.startedMs}`)) return;
    counts.add(`joins by ${join.by}`);
    if (join.by === 'snapshot' && state === 'joining' && node.placeOf(name).current.opens > 0)
      counts.add('lagging beyond retention');
  }

  #checked({ counts }: World, node: SimNode, { name, check }: KeyspaceStatus): string[] {
    if (check === undefined || check.verdict === 'running') return [];
    if (!this.#isNew(`${node.id}/${name} ${check.mark} ${check.verdict}`)) return [];
    counts.add(`checks: ${check.verdict}`);
    return check.verdict === 'differs' ? [`differs at mark ${check.mark}: ${check.detail}`] : [];
  }

  /** More than it may, for longer than trimming takes. */
  #keeps(
    { time, upkeep, trace }: World,
    { id }: SimNode,
    { name, kept, position }: KeyspaceStatus,
  ): string[] {
    const about = `${id}/${name}`;
    const bytesMax = upkeep.retention.entriesBytesMax + limits.keptBlockBytes;
    if (kept === undefined || kept.entriesBytes <= bytesMax) {
      this.#tooMuchSinceMs.delete(about);
      return [];
    }
    const sinceMs = this.#tooMuchSinceMs.get(about) ?? time.nowMs;
    this.#tooMuchSinceMs.set(about, sinceMs);
    if (time.nowMs - sinceMs <= trimMsMax) return [];
    trace.add(`${about} keeps ${kept.entriesBytes} bytes of entries`);
    this.#tooMuchSinceMs.set(about, Infinity);
    return [
      `has kept more than ${bytesMax} bytes of entries for ${time.nowMs - sinceMs} ms: ${JSON.stringify(kept)} ${position}`,
    ];
  }

  #isNew(what: string): boolean {
    if (this.#seen.has(what)) return false;
    this.#seen.add(what);
    return true;
  }
}
