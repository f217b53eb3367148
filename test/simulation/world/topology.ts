import type { NodeId, RegionId } from '../../../src/model/ids.js';
import { nodeId, regionId } from '../../../src/model/ids.js';
import type { SeededRandom } from './seeded-random.js';

const regions = ['us-east', 'eu-west', 'ap-south'] as const;
type Region = (typeof regions)[number];
export const regionIds: readonly RegionId[] = regions.map((name) => regionId(name));
const regionOfKeyspace = { default: 'us-east', eu: 'eu-west', ap: 'ap-south' } as const;
export const keyspaceNames = Object.keys(regionOfKeyspace);

/** One way, ms: half of the round trips of regions/cluster.yaml. */
const distances: readonly (readonly [Region, Region, number])[] = [
  ['us-east', 'eu-west', 40],
  ['us-east', 'ap-south', 95],
  ['eu-west', 'ap-south', 60],
];
const withinRegionMs = 0.4;
/** A world with more nodes costs more, so most have one per region. */
const likelySecondNodes = 0.25;
const nodesMax = 5;

export interface Place {
  readonly id: NodeId;
  readonly region: RegionId;
}

/** Which nodes a world has, and which of them are homes. */
export interface Topology {
  readonly places: readonly Place[];
  readonly homes: ReadonlyMap<string, NodeId>;
}

/** Three regions, in some worlds one or two of them with a second node; the home is either of a region's nodes. */
export function drawTopology(random: SeededRandom): Topology {
  const second = new Set<Region>();
  if (random.chance(likelySecondNodes)) {
    second.add(random.pick(regions));
    second.add(random.pick(regions));
  }
  const places = regions.flatMap((region) => {
    const names = second.has(region) ? [region, `${region}-2`] : [region];
    return names.map((name) => ({ id: nodeId(name), region: regionId(region) }));
  });
  if (places.length > nodesMax) throw new Error(`${places.length} nodes are too many for a world`);
  const homes = new Map(
    Object.entries(regionOfKeyspace).map(([keyspace, region]) => {
      const candidates = places.filter((place) => place.region === (region as string));
      return [keyspace, random.pick(candidates).id] as const;
    }),
  );
  return { places, homes };
}

/** One way, ms, between two places. */
export function distanceMs(a: Pick<Place, 'region'>, b: Pick<Place, 'region'>): number {
  if (a.region === b.region) return withinRegionMs;
  const found = distances.find(
    ([from, to]) => (from === a.region && to === b.region) || (from === b.region && to === a.region),
  );
  return found![2];
}
