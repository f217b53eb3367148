import { roundTripToHomeMs, roundTripToMajorityMs, type Point, type Protocol } from '../model.js';
import type { PointResult, RegionResult } from '../results.js';

/** A figure that follows from measurements. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  /** What it is to reach; undefined: it is told, not judged. */
  readonly goal: Goal | undefined;
  readonly unit: 'ratio' | 'ms' | '/s';
}

export interface Goal {
  readonly is: 'at least' | 'at most';
  readonly value: number;
}

export function reaches({ value, goal }: Pick<Figure, 'value' | 'goal'>): boolean | undefined {
  if (goal === undefined) return undefined;
  return goal.is === 'at least' ? value >= goal.value : value <= goal.value;
}

const ofMeridian: readonly Protocol[] = ['http', 'grpc', 'sdk'];
const peers: readonly Protocol[] = ['etcd', 'galera'];
const atLeast = (value: number): Goal => ({ is: 'at least', value });
const atMost = (value: number): Goal => ({ is: 'at most', value });

/** A commit's median from another region, in round trips to the home. */
export function commitRoundTrips(
  { network, latencyMs }: PointResult,
  region: RegionResult['region'],
): number {
  return latencyMs.p50 / roundTripToHomeMs(network, region);
}

/**
 * How near a region comes to what its distance allows: its rate ÷ (workers ÷ round trip to the home). Undefined at the
 * home and without WAN, where distance allows anything.
 */
export function shareOfRoundTripRate(
  { network }: Pick<Point, 'network'>,
  { region, clients, perSecond }: Pick<RegionResult, 'region' | 'clients' | 'perSecond'>,
): number | undefined {
  const roundTripMs = roundTripToHomeMs(network, region);
  return roundTripMs === 0 ? undefined : perSecond / (clients / (roundTripMs / 1000));
}

/** The median of several runs of one point by one protocol. */
function rateOf(results: readonly PointResult[], point: Point, protocol: Protocol): number | undefined {
  const rates = results
    .filter((one) => one.protocol === protocol && samePoint(one, point))
    .map(({ perSecond }) => perSecond)
    .sort((a, b) => a - b);
  const middle = rates.length / 2;
  return rates.length === 0 ? undefined : (rates[Math.ceil(middle) - 1]! + rates[Math.floor(middle)]!) / 2;
}

function samePoint(a: Point, b: Point): boolean {
  return (
    a.scenario === b.scenario && a.network === b.network && a.place === b.place && a.clients === b.clients
  );
}

function pointText({ scenario, network, place, clients }: Point): string {
  return `${scenario}, ${network}, ${place}, ${clients} ${clients === 1 ? 'client' : 'clients'}`;
}

/** Meridian's rate by each of its protocols ÷ that of every peer, at each point that both have run. */
export function peerRatios(results: readonly PointResult[]): Figure[] {
  return distinctPoints(results).flatMap((point) =>
    ofMeridian.flatMap((protocol) =>
      peers.flatMap((peer): Figure[] => {
        const [ours, theirs] = [rateOf(results, point, protocol), rateOf(results, point, peer)];
        if (ours === undefined || theirs === undefined || theirs === 0) return [];
        const name = `${pointText(point)}: ${protocol} ÷ ${peer}`;
        return [{ name, value: ours / theirs, goal: ratioGoal(point, protocol, peer), unit: 'ratio' }];
      }),
    ),
  );
}

function ratioGoal(
  { scenario, network, place, clients }: Point,
  protocol: Protocol,
  peer: Protocol,
): Goal | undefined {
  if (scenario !== 'commits' || network !== 'lan' || place !== 'all' || clients !== 256) return undefined;
  if (protocol === 'http') return atLeast(1);
  return protocol === 'sdk' && peer === 'etcd' ? atLeast(3) : undefined;
}

/** A commit's median with the log on etcd, in what distances alone take: to the home, and from there to a majority of etcd. */
function etcdCommits(results: readonly PointResult[]): Figure[] {
  return results
    .filter(
      ({ protocol, scenario, network }) =>
        [protocol, scenario, network].join() === 'meridian-etcd,commits,wan',
    )
    .filter(({ clients, place }) => clients === 1 && place !== 'all')
    .map((result) => {
      const { network, latencyMs, regions } = result;
      const limitMs = roundTripToHomeMs(network, regions[0]!.region) + roundTripToMajorityMs(network);
      const name = `${pointText(result)}: meridian-etcd, p50 ÷ the round trips' ${limitMs} ms`;
      return { name, value: latencyMs.p50 / limitMs, goal: undefined, unit: 'ratio' };
    });
}

/** What Meridian alone is to reach. */
export function ownFigures(results: readonly PointResult[]): Figure[] {
  const figures: Figure[] = [];
  const add = (name: string, value: number, unit: Figure['unit'], goal?: Goal): void =>
    void figures.push({ name, value, goal, unit });
  for (const result of results.filter(({ protocol }) => ofMeridian.includes(protocol))) {
    const { scenario, network, place, clients, protocol, latencyMs, regions } = result;
    const name = `${pointText(result)}: ${protocol}`;
    if (scenario === 'commits' && network === 'wan' && clients === 1) {
      if (place === 'home') add(`${name}, p50`, latencyMs.p50, 'ms', atMost(3));
      else if (place !== 'all')
        add(`${name}, p50 ÷ round trip`, commitRoundTrips(result, regions[0]!.region), 'ratio', atMost(1.05));
    }
    if (scenario === 'hot-sums' && network === 'wan')
      for (const region of regions) {
        const share = shareOfRoundTripRate(result, region);
        const goal = clients === 192 ? atLeast(0.8) : undefined;
        if (share !== undefined)
          add(`${name}, ${region.region}: rate ÷ (workers ÷ round trip)`, share, 'ratio', goal);
      }
    if (scenario === 'local-reads' && network === 'lan' && clients === 64) {
      if (results.find((other) => other.protocol === protocol && samePoint(other, result)) !== result)
        continue;
      const rate = rateOf(results, result, protocol)!;
      const bare = rateOf(results, result, 'fastify');
      if (protocol === 'http' && bare !== undefined)
        add(`${name} ÷ bare fastify`, rate / bare, 'ratio', atLeast(0.85));
      if (protocol === 'sdk') add(name, rate, '/s', atLeast(9200));
    }
  }
  return [...figures, ...etcdCommits(results)];
}

function distinctPoints(results: readonly PointResult[]): Point[] {
  return results.filter((result, i) => results.findIndex((other) => samePoint(other, result)) === i);
}
