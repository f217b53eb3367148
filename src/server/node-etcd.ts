import { createSecureContext } from 'node:tls';
import type { KeyspaceName } from '../model/ids.js';
import { EtcdLog } from '../ordering/etcd/etcd-log.js';
import type { EtcdTls } from '../ordering/etcd/etcd-channel.js';
import { createGrpcEtcdKv } from '../ordering/etcd/grpc-etcd-kv.js';
import type { EtcdKv } from '../ordering/etcd/etcd-kv.js';
import type { OrderedLog } from '../ordering/ordered-log.js';
import type { Runtime } from '../runtime/runtime.js';
import type { ClusterConfig, EtcdAccess, NodeConfig } from './config/config.js';
import { PemFiles } from './pem-files.js';

/** The one client that a process has of the cluster's etcd. */
export interface NodeEtcd {
  readonly kv: EtcdKv;
  /** For messages. */
  readonly endpoints: string;
  /** What the keys of a keyspace begin with; ends with `/`. */
  prefixOf(keyspace: KeyspaceName): string;
  /** One candidate's view of the keyspace's log. */
  logOf(keyspace: KeyspaceName): OrderedLog;
}

/**
 * Undefined when no keyspace is ordered by etcd. It does not wait for etcd, and rejects only when a PEM file is missing or
 * of no use. The caller closes `kv`.
 */
export async function openNodeEtcd(
  { cluster, node }: { readonly cluster: ClusterConfig; readonly node: NodeConfig },
  runtime: Runtime,
): Promise<NodeEtcd | undefined> {
  const { etcd: access, file, id: self } = node;
  if (cluster.etcd === undefined || access === undefined) return undefined;
  if (!cluster.keyspaces.some(({ log }) => log === 'etcd')) return undefined;
  const { prefix: common, leaseMs } = cluster.etcd;
  const { endpoints, user } = access;
  const tls = access.tls === undefined ? undefined : await readTls(file, access.tls);
  const kv = createGrpcEtcdKv({ endpoints, tls, user, runtime });
  const prefixOf = (keyspace: KeyspaceName): string => `${common}/${cluster.name}/${keyspace}/`;
  return {
    kv,
    endpoints: endpoints.join(', '),
    prefixOf,
    logOf: (keyspace) => {
      const logger = runtime.logger.child({ keyspace });
      const prefix = prefixOf(keyspace);
      return new EtcdLog({ kv, prefix, self, leaseMs, runtime: { ...runtime, logger } });
    },
  };
}

/** Read once: a certificate that replaces another is shown after a restart of the node. */
async function readTls(file: string, paths: NonNullable<EtcdAccess['tls']>): Promise<EtcdTls> {
  const read = await PemFiles.read<string>({ file, setting: 'etcd' }, paths, ({ ca, certificate, key }) =>
    createSecureContext({ ca, cert: certificate, key }),
  );
  const { ca, certificate, key } = read.pem;
  return { ca: ca!, certificate, key };
}
