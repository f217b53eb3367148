import { number, object, objects, text, type Json } from './json-fields.js';

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
  readonly join: JoinView | undefined;
  readonly kept: KeptView | undefined;
  readonly check: CheckView | undefined;
}

export interface JoinView {
  readonly by: string;
  readonly why: string;
  readonly donor: string | undefined;
  readonly phase: string;
  readonly bytes: number;
  readonly bytesTotal: number | undefined;
  readonly bytesPerSecond: number;
  readonly heldUpBy: string | undefined;
}

export interface KeptView {
  readonly oldestPosition: number;
  readonly entriesBytes: number;
  readonly outcomes: number;
  readonly outcomesBytes: number;
}

export interface CheckView {
  readonly mark: string;
  readonly position: number;
  readonly seqno: number;
  readonly verdict: string;
  readonly detail: string;
  readonly hash: string | undefined;
  readonly startedMs: number | undefined;
}

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
    keyspaces: objects(cluster['keyspaces']).map(readKeyspaceView),
  };
}

/** A keyspace as one node sees it, of its list of keyspaces or of its admin API. */
export function readKeyspaceView(keyspace: Json): KeyspaceView {
  return {
    name: text(keyspace['name']) ?? '?',
    home: text(keyspace['home']) ?? '?',
    log: text(keyspace['log']) ?? '?',
    epoch: number(keyspace['epoch']) ?? 0,
    sequencer: text(keyspace['sequencer']),
    state: text(keyspace['state']) ?? '?',
    applied: number(keyspace['applied']) ?? 0,
    tail: number(keyspace['tail']) ?? 0,
    detail: text(keyspace['detail']),
    join: readJoin(object(keyspace['join'])),
    kept: readKept(object(keyspace['kept'])),
    check: readCheck(object(keyspace['check'])),
  };
}

function readJoin(join: Json | undefined): JoinView | undefined {
  if (join === undefined) return undefined;
  return {
    by: text(join['by']) ?? '?',
    why: text(join['why']) ?? '?',
    donor: text(join['donor']),
    phase: text(join['phase']) ?? '?',
    bytes: number(join['bytes']) ?? 0,
    bytesTotal: number(join['bytesTotal']),
    bytesPerSecond: number(join['bytesPerSecond']) ?? 0,
    heldUpBy: text(join['heldUpBy']),
  };
}

function readKept(kept: Json | undefined): KeptView | undefined {
  if (kept === undefined) return undefined;
  return {
    oldestPosition: number(kept['oldestPosition']) ?? 0,
    entriesBytes: number(kept['entriesBytes']) ?? 0,
    outcomes: number(kept['outcomes']) ?? 0,
    outcomesBytes: number(kept['outcomesBytes']) ?? 0,
  };
}

function readCheck(check: Json | undefined): CheckView | undefined {
  if (check === undefined) return undefined;
  return {
    mark: text(check['mark']) ?? '?',
    position: number(check['position']) ?? 0,
    seqno: number(check['seqno']) ?? 0,
    verdict: text(check['verdict']) ?? '?',
    detail: text(check['detail']) ?? '',
    hash: text(check['hash']),
    startedMs: number(check['startedMs']),
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
