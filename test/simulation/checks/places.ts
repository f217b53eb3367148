import { keyspaceNames, type World } from '../world/world.js';
import type { ReplayedLog } from './replayed-log.js';

/**
 * Which history every node showed at which position: at one position there is one history, at every node, also of one
 * region, and for ever. Of a log in etcd nobody holds more than etcd ever did.
 */
export class Places {
  readonly #hashes = new Map(keyspaceNames.map((name) => [name, new Map<number, string>()]));

  /** Notes where all nodes stand now. Returns what does not agree with what was noted before. */
  note(world: World): string[] {
    const problems: string[] = [];
    for (const [keyspace, hashes] of this.#hashes) {
      const regions = new Map<number, string>();
      for (const { id, region, running } of world.nodes) {
        const head = running?.keyspaceNode(keyspace)?.store.head;
        if (head === undefined || head.position < 0) continue;
        const hash = head.chainHash.toString('latin1');
        if (world.shared.has(keyspace) && head.position > world.logs.of(keyspace).newest)
          problems.push(`${id}/${keyspace} is at ${head.position}, beyond the log in etcd`);
        const before = hashes.get(head.position);
        if (before === undefined) hashes.set(head.position, hash);
        else if (before !== hash) problems.push(`${id}/${keyspace} differs at position ${head.position}`);
        if (regions.get(head.position) === region) world.counts.add('two nodes of a region at one position');
        regions.set(head.position, region);
      }
    }
    return problems;
  }

  /** What was shown and is not in the log that is left. */
  differences(keyspace: string, log: ReplayedLog): string[] {
    const elsewhere = [...this.#hashes.get(keyspace)!].filter(
      ([position, hash]) => log.hashAt(position)?.toString('latin1') !== hash,
    );
    return elsewhere.map(
      ([position]) => `a node was at position ${position} of another history than the log's`,
    );
  }
}
