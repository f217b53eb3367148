import { limits } from '../../../src/model/limits.js';
import { keyspaceNames, type World } from '../world/world.js';

/** What of the nodes' memory is beyond its bound now. */
export function beyondBounds(world: World): string[] {
  return world.nodes.flatMap(({ id, running }) =>
    keyspaceNames.flatMap((name) => {
      const keyspace = running?.keyspaceNode(name);
      if (keyspace === undefined) return [];
      const held = [
        ['submissions pending', keyspace.commits.size, limits.submissionsMax],
        ['transactions open', keyspace.service.openTransactions, limits.openTransactionsMax],
      ] as const;
      return held
        .filter(([, count, max]) => count > max)
        .map(([what, count, max]) => `${id}/${name} holds ${count} ${what}, more than ${max}`);
    }),
  );
}
