import { mkdir } from 'node:fs/promises';
import { nonceBytes } from '../model/entry.js';
import { mintKeyspaceId, type KeyspaceName } from '../model/ids.js';
import { initHistory } from '../ordering/embedded/init-history.js';
import { readEtcdGenesis } from '../ordering/etcd/etcd-genesis.js';
import { EtcdError } from '../ordering/etcd/etcd-kv.js';
import { initEtcdHistory } from '../ordering/etcd/init-etcd-history.js';
import type { Beginning } from '../ordering/genesis.js';
import type { Runtime } from '../runtime/runtime.js';
import { openKeyspaceStore } from '../storage/keyspace-store.js';
import type { KeyspaceStore } from '../storage/store.js';
import type { ClusterConfig, NodeConfig } from './config/config.js';
import { HeadNote } from './head-note.js';
import { holdLogKind } from './log-kind.js';
import { openNodeEtcd, type NodeEtcd } from './node-etcd.js';
import { notePath, placeOf } from './node-places.js';

export interface InitOptions {
  readonly cluster: ClusterConfig;
  readonly node: NodeConfig;
  readonly runtime: Runtime;
}

export interface InitialisedHistory {
  readonly keyspace: string;
  readonly uuid: string;
  /** False when there was a history already, which was left as it is. */
  readonly created: boolean;
}

/**
 * Begins the histories of the keyspaces whose home is this node. A log that holds one is left alone. Where etcd is needed and
 * cannot be asked, it rejects before anything has begun.
 */
export async function initHistories(options: InitOptions): Promise<InitialisedHistory[]> {
  const { cluster, node, runtime } = options;
  const keyspaces = cluster.keyspaces.filter((keyspace) => keyspace.node === node.id);
  await mkdir(node.dataDirectory, { recursive: true });
  const etcd = keyspaces.some(({ log }) => log === 'etcd') ? await openNodeEtcd(options, runtime) : undefined;
  try {
    for (const { name, log } of keyspaces)
      if (etcd !== undefined && log === 'etcd') await asked(etcd, isBegunIn(etcd, name), 'Nothing was begun');
    for (const keyspace of keyspaces) await holdLogKind(node, keyspace);
    const histories: InitialisedHistory[] = [];
    for (const keyspace of keyspaces)
      histories.push(
        etcd !== undefined && keyspace.log === 'etcd'
          ? await initInEtcd(options, keyspace.name, etcd)
          : await initInStore(options, keyspace.name),
      );
    return histories;
  } finally {
    etcd?.kv.close();
  }
}

function initInStore(options: InitOptions, keyspace: KeyspaceName): Promise<InitialisedHistory> {
  return withStore(options, keyspace, async (store) => {
    const { node, runtime } = options;
    const suspicion = await new HeadNote(notePath(node, keyspace)).suspicion(store.head, store.replaced);
    if (suspicion !== undefined)
      throw new Error(
        `${keyspace}: ${suspicion}; a new history is not begun over it: start the node and run meridian recover ${keyspace}`,
      );
    const { keyspaceId } = store.head;
    if (keyspaceId !== undefined) return { keyspace, uuid: keyspaceId, created: false };
    const beginning = newBeginning(keyspace, runtime);
    await initHistory(store, beginning);
    return { keyspace, uuid: beginning.keyspaceId, created: true };
  });
}

async function initInEtcd(
  options: InitOptions,
  keyspace: KeyspaceName,
  etcd: NodeEtcd,
): Promise<InitialisedHistory> {
  const beginning = newBeginning(keyspace, options.runtime);
  const again = 'What has begun is left as it is: run meridian init again';
  if (!(await asked(etcd, isBegunIn(etcd, keyspace), again)))
    await withStore(options, keyspace, async ({ head: { keyspaceId } }) => {
      if (keyspaceId !== undefined)
        throw new Error(
          `${keyspace}: ${options.node.id} holds history ${keyspaceId}, and etcd at ${etcd.endpoints} has none under ` +
            `${etcd.prefixOf(keyspace)}: a new one is not begun over it. Either etcd or the prefix is not the one that it was ` +
            'written with, or the data is of an embedded log',
        );
    });
  const begun = await asked(etcd, initEtcdHistory(etcd.kv, etcd.prefixOf(keyspace), beginning), again);
  return begun === 'begun'
    ? { keyspace, uuid: beginning.keyspaceId, created: true }
    : { keyspace, uuid: begun.exists, created: false };
}

async function isBegunIn(etcd: NodeEtcd, name: KeyspaceName): Promise<boolean> {
  return (await readEtcdGenesis(etcd.kv, etcd.prefixOf(name))) !== undefined;
}

/** Rejects for the operator, with `andNow`, when etcd did not do it. */
async function asked<T>({ endpoints }: NodeEtcd, answer: Promise<T>, andNow: string): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof EtcdError)) throw error;
    // It says what gRPC said; the cause would say it again.
    throw new Error(`etcd at ${endpoints} did not do what was asked. ${andNow}. ${error.message}`);
  }
}

async function withStore<T>(
  { node, runtime }: InitOptions,
  keyspace: KeyspaceName,
  use: (store: KeyspaceStore) => Promise<T>,
): Promise<T> {
  const place = placeOf(node, keyspace, runtime);
  const store = await openKeyspaceStore(() => place.openCurrent(), runtime.logger);
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

function newBeginning(keyspace: KeyspaceName, { random, clock }: Runtime): Beginning {
  return {
    keyspaceId: mintKeyspaceId(random.bytes(16)),
    keyspace,
    nowMs: clock.nowMs(),
    nonce: Buffer.from(random.bytes(nonceBytes)),
  };
}
