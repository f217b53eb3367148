import type { RegionId } from '../../../src/model/ids.js';
import type { SeededRandom } from './seeded-random.js';
import { distanceMs, keyspaceNames, regionIds } from './topology.js';

/** Which keyspaces of a world have their log in etcd, and where etcd's members are. */
export interface EtcdShape {
  /** Empty: the world has no etcd. */
  readonly keyspaces: ReadonlySet<string>;
  /** One in each region; else all are in one. */
  readonly isSpread: boolean;
  readonly leader: RegionId;
  /** After this a client gives a call up. */
  readonly deadlineMs: number;
  readonly leaseMs: number;
  /** Of calls at any time: how likely one is lost, comes late, or its answer is lost. */
  readonly likelyLoss: number;
}

const likelyEtcd = 0.4;

export function drawEtcd(random: SeededRandom, isWanted: boolean): EtcdShape {
  const drawn = keyspaceNames.filter(() => random.chance(0.5));
  const some = drawn.length > 0 ? drawn : [random.pick(keyspaceNames)];
  return {
    keyspaces: new Set(random.chance(likelyEtcd) || isWanted ? some : []),
    isSpread: random.chance(0.6),
    leader: random.pick(regionIds),
    deadlineMs: random.pick([800, 2000, 4000]),
    leaseMs: random.pick([2000, 2000, 3000, 5000]),
    likelyLoss: random.pick([0, 0.002, 0.01]),
  };
}

/** What etcd's leader needs to have a majority agree, ms: the way to the nearest other member, and back. */
export function majorityMs(leader: RegionId, isSpread: boolean): number {
  const others = regionIds.filter((region) => region !== leader);
  return (
    2 * (isSpread ? Math.min(...others.map((region) => distanceMs({ region }, { region: leader }))) : 0.4)
  );
}
