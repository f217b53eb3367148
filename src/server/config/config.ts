import type { KeyspaceName, NodeId, RegionId } from '../../model/ids.js';
import type { Retention } from '../../model/retention.js';
import type { LogLevel } from '../../runtime/system/logger.js';
import type { Address, HttpAddress } from './address.js';

/** From the working directory. */
export const defaultClusterFile = 'regions/cluster.yaml';

/** What every node of a cluster is told alike: `regions/cluster.yaml`, validated. */
export interface ClusterConfig {
  /** The file's path as it was given; for messages. */
  readonly file: string;
  readonly name: string;
  /** At least one, each with at least one node, in the file's order. */
  readonly regions: readonly RegionConfig[];
  /** The nodes of all regions, in the file's order. Ids, tags and addresses differ. */
  readonly nodes: readonly ClusterNode[];
  /** At least one, in the file's order. */
  readonly keyspaces: readonly KeyspaceConfig[];
  readonly retention: Retention;
  /** ms between two consistency checks of a keyspace; 0: none but on demand. */
  readonly checksEveryMs: number;
  /** What keyspaces with `log: etcd` are ordered by; undefined when the file names none. */
  readonly etcd: EtcdClusterConfig | undefined;
  /** Emulated round trips between regions on one machine; empty when the file has none. */
  readonly roundTrips: readonly RoundTrip[];
}

export interface RegionConfig {
  readonly id: RegionId;
  readonly nodes: readonly ClusterNode[];
}

/** A node as the others, and the apps, find it. */
export interface ClusterNode {
  readonly id: NodeId;
  readonly region: RegionId;
  /** Public HTTP address; MERIDIAN_HTTP_ADDRESSES overrides. */
  readonly http: HttpAddress;
  /** Address that the other nodes dial; MERIDIAN_PEER_ADDRESSES overrides. */
  readonly peer: Address;
}

export interface KeyspaceConfig {
  readonly name: KeyspaceName;
  readonly home: RegionId;
  /** The node of the home region that sequences: with the embedded log the only one that can, with etcd the one preferred. */
  readonly node: NodeId;
  readonly log: 'embedded' | 'etcd';
}

export interface EtcdClusterConfig {
  /** `http://host:port` or `https://host:port`, all of one scheme; at least one. */
  readonly endpoints: readonly string[];
  /** What all keys begin with; default `/meridian`. The cluster's name and the keyspace's follow. */
  readonly prefix: string;
  /** How long a sequencer that is silent keeps its role; etcd's own minimum is 1.5 times its election timeout. ms */
  readonly leaseMs: number;
}

/** Paths of PEM files. */
export interface TlsFiles {
  /** Of the authorities whose certificates are accepted. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** How one node speaks to etcd. */
export interface EtcdAccess {
  /** In the order in which they are tried; those of the cluster when the node names none. */
  readonly endpoints: readonly string[];
  /**
   * Paths of PEM files: `ca` alone checks etcd; with certificate and key this node proves itself too. Undefined: with
   * `https` endpoints etcd is checked with the authorities that Node.js trusts.
   */
  readonly tls: { readonly ca: string; readonly certificate?: string; readonly key?: string } | undefined;
  readonly user: { readonly name: string; readonly password: string } | undefined;
}

/** Between two regions, both ways. */
export interface RoundTrip {
  readonly between: readonly [RegionId, RegionId];
  /** > 0, at most 10,000. */
  readonly ms: number;
}

/** What one node is told: `regions/<region>.yaml` and the environment, validated against the cluster. */
export interface NodeConfig {
  readonly file: string;
  readonly id: NodeId;
  readonly region: RegionId;
  readonly http: { readonly listen: Address };
  readonly peer: { readonly listen: Address };
  /** As given; a relative path begins at the working directory. */
  readonly dataDirectory: string;
  /** Which peers the home of an embedded log compares itself with before its first append. */
  readonly startCompare: StartCompare;
  readonly logLevel: LogLevel;
  /** Bearer tokens of which an HTTP request must carry one; everyone is let in when there is none. */
  readonly tokens: readonly string[];
  /** Bearer tokens of which a request to the admin API must carry one; with `tokens` alone it is closed, without both open. */
  readonly adminTokens: readonly string[];
  /** Of the peer port, both ways: the certificate names the node's id. Plain text when undefined. */
  readonly tls: TlsFiles | undefined;
  /** Of the HTTP port. Plain text when undefined. */
  readonly httpTls: { readonly certificate: string; readonly key: string } | undefined;
  /** Undefined when the cluster has no etcd. */
  readonly etcd: EtcdAccess | undefined;
}

/** `reachable`: those that answer within 5 s; `all`: every node of the cluster, however long it takes. */
export type StartCompare = 'reachable' | 'all';

export const logs = ['embedded', 'etcd'] as const satisfies readonly KeyspaceConfig['log'][];
/** Bounds of `etcd.leaseMs`, inclusive. */
export const leaseMsMin = 1000;
export const leaseMsMax = 60_000;
export const startCompares = ['reachable', 'all'] as const satisfies readonly StartCompare[];
export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const satisfies readonly LogLevel[];

/** The round trip between two regions, ms; 0 within a region and where none is configured. */
export function roundTripMs(cluster: ClusterConfig, a: RegionId, b: RegionId): number {
  const found = cluster.roundTrips.find(
    ({ between: [x, y] }) => (x === a && y === b) || (x === b && y === a),
  );
  return found?.ms ?? 0;
}
