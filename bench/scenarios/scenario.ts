import type { Network, Operation, Place, Point, Protocol } from '../model.js';

/** Which points a run has: `short` is `make bench`, `full` with FULL=1; `quick` and `peers` are beside the peers. */
export const forms = ['short', 'full', 'quick', 'peers'] as const;
export type Form = (typeof forms)[number];

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly operation: Operation;
  /** Those that can do it at all. */
  readonly protocols: readonly Protocol[];
  readonly points: Readonly<Record<Form, readonly Where[]>>;
}

export interface Where {
  readonly network: Network;
  readonly place: Place;
  /** In total. */
  readonly clients: number;
}

/** `at('wan', 'home', 1, 64)`: two points. */
export function at(network: Network, place: Place, ...clients: readonly number[]): Where[] {
  return clients.map((count) => ({ network, place, clients: count }));
}

export function pointsOf({ name, operation, points }: Scenario, form: Form): Point[] {
  return points[form].map((where) => ({ scenario: name, operation, ...where }));
}

export const stores: readonly Protocol[] = ['http', 'grpc', 'sdk', 'meridian-etcd', 'etcd', 'galera'];
