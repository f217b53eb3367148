/** The words of the benchmarks. */

export type Network = 'lan' | 'wan';

export const regionNames = ['us-east', 'eu-west', 'ap-south'] as const;
export type RegionName = (typeof regionNames)[number];

/** Where clients are: at the home of `default` (us-east), in eu-west, in ap-south, or spread over all three. */
export type Place = 'home' | 'near' | 'far' | 'all';

/**
 * How a store is spoken to; each is a module of load/stores/. `meridian-etcd` is the SDK, to nodes whose log is on an etcd of
 * one member per region. `fastify` is the baseline of local reads, not a store.
 */
export type Protocol = 'http' | 'grpc' | 'sdk' | 'meridian-etcd' | 'fastify' | 'etcd' | 'galera';

/**
 * What a client does over and over:
 * - `put`: a blind write of a random key, one transaction each;
 * - `get`, `causal-get`: a random key, from the node's own copy, or with everything that was committed before;
 * - `sum`: an atomic addition to a random hot counter;
 * - `increment`: the same as read-modify-write;
 * - `transfer`: an interactive transaction that reads and writes two random accounts.
 */
export type Operation = 'put' | 'get' | 'causal-get' | 'sum' | 'increment' | 'transfer';

export const operationsThatWrite: readonly Operation[] = ['put', 'sum', 'increment', 'transfer'];

/** One measurement, of every protocol that knows the operation. */
export interface Point {
  readonly scenario: string;
  readonly operation: Operation;
  readonly network: Network;
  readonly place: Place;
  /** In total; spread evenly where there are several regions. */
  readonly clients: number;
}

export const keyCount = 10_000;
export const valueBytes = 100;
export const hotCounterCount = 10;
export const accountCount = 16;
export const accountBalance = 1000;

/** Round trips of the emulated WAN in ms: those of regions/cluster.yaml. */
export const wanRoundTripMs = [
  [0, 80, 190],
  [80, 0, 120],
  [190, 120, 0],
] as const;
/** Between namespaces without WAN: what three machines in one place have. */
export const lanRoundTripMs = 0.2;

export function regionsOf(place: Place): readonly RegionName[] {
  switch (place) {
    case 'home':
      return ['us-east'];
    case 'near':
      return ['eu-west'];
    case 'far':
      return ['ap-south'];
    case 'all':
      return regionNames;
  }
}

/** `clients` over the regions of `place`; the first ones take what does not divide. */
export function clientsPerRegion({ place, clients }: Pick<Point, 'place' | 'clients'>): number[] {
  const regions = regionsOf(place).length;
  return Array.from(
    { length: regions },
    (_, i) => Math.floor(clients / regions) + Number(i < clients % regions),
  );
}

/** The round trip from a region to the home of `default`, ms; 0 without WAN and at the home. */
export function roundTripToHomeMs(network: Network, region: RegionName): number {
  return network === 'lan' ? 0 : wanRoundTripMs[0][regionNames.indexOf(region)]!;
}

/** From the home to the nearest other member of an etcd with one member per region: what a majority costs there, ms. */
export function roundTripToMajorityMs(network: Network): number {
  return network === 'lan' ? 0 : Math.min(...wanRoundTripMs[0].filter((ms) => ms > 0));
}
