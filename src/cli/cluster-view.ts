/** What /v1/cluster of one node says, as far as `meridian status` shows it. */
export interface ClusterView {
  readonly cluster: string;
  /** The node that was asked. */
  readonly node: string;
  readonly nodes: readonly NodeView[];
  readonly keyspaces: readonly KeyspaceView[];
}

export interface NodeView {
  readonly node: string;
  readonly region: string;
  readonly reachable: boolean;
  readonly roundTripMs: number | undefined;
  readonly clockSkewMs: number | undefined;
  readonly keyspaces: readonly ReplicaView[];
}

export interface ReplicaView {
  readonly name: string;
  readonly state: string;
  /** Seqno. */
  readonly applied: number;
  readonly detail: string | undefined;
}

export interface KeyspaceView {
  readonly name: string;
  readonly home: string;
  readonly log: string;
  readonly epoch: number;
  readonly sequencer: string | undefined;
  readonly state: string;
  readonly applied: number;
  /** Seqno of the last durable entry that the node knows of. */
  readonly tail: number;
  readonly detail: string | undefined;
}

type Json = Readonly<Record<string, unknown>>;

/** Reads the body. What is missing or of another type shows as unknown: a newer node may say more, an older less. */
export function readClusterView(cluster: Json): ClusterView {
  return {
    cluster: text(cluster['cluster']) ?? '?',
    node: text(cluster['node']) ?? '?',
    nodes: objects(cluster['nodes']).map((node) => ({
      node: text(node['node']) ?? '?',
      region: text(node['region']) ?? '?',
      reachable: node['reachable'] === true,
      roundTripMs: number(node['roundTripMs']),
      clockSkewMs: number(node['clockSkewMs']),
      keyspaces: objects(node['keyspaces']).map((replica) => ({
        name: text(replica['name']) ?? '?',
        state: text(replica['state']) ?? '?',
        applied: number(replica['applied']) ?? 0,
        detail: text(replica['detail']),
      })),
    })),
    keyspaces: objects(cluster['keyspaces']).map((keyspace) => ({
      name: text(keyspace['name']) ?? '?',
      home: text(keyspace['home']) ?? '?',
      log: text(keyspace['log']) ?? '?',
      epoch: number(keyspace['epoch']) ?? 0,
      sequencer: text(keyspace['sequencer']),
      state: text(keyspace['state']) ?? '?',
      applied: number(keyspace['applied']) ?? 0,
      tail: number(keyspace['tail']) ?? 0,
      detail: text(keyspace['detail']),
    })),
  };
}

/** Committed transactions that a replica has not applied, as far as the asked node knows. */
export function lagOf(view: ClusterView, replica: ReplicaView): number {
  return Math.max(0, tailOf(view, replica.name) - replica.applied);
}

/** The highest seqno of a keyspace that any node is known to have, or knows of. */
export function tailOf(view: ClusterView, name: string): number {
  const known = view.keyspaces.filter((keyspace) => keyspace.name === name).map(({ tail }) => tail);
  const applied = view.nodes
    .flatMap(({ keyspaces }) => keyspaces)
    .filter((replica) => replica.name === name)
    .map((replica) => replica.applied);
  return Math.max(0, ...known, ...applied);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function objects(value: unknown): Json[] {
  return Array.isArray(value)
    ? value.filter((item): item is Json => typeof item === 'object' && item !== null && !Array.isArray(item))
    : [];
}
