import type { RegionId } from '../model/ids.js';
import type { SeenLog } from '../replica/seen-log.js';
import { openKeyspaceStore } from '../storage/keyspace-store.js';
import { StoreDamaged } from '../storage/store.js';
import type { JoinStatus } from '../transaction/service.js';
import { KeyspaceNode, type KeyspaceNodeOptions } from './keyspace-node.js';
import type { NodeKeyspace } from './node-keyspace.js';

type OfEachLife = 'store' | 'seen' | 'suspicion' | 'joined' | 'takeSnapshot' | keyof NodeKeyspace;

export interface HostOptions extends Omit<KeyspaceNodeOptions, OfEachLife> {
  readonly keyspace: NodeKeyspace;
  readonly region: RegionId;
}

/** What one opening is given beside the host's own options. */
export interface Opening {
  readonly compare: HostOptions['compare'];
  readonly joined: JoinStatus | undefined;
}

export interface OpeningPorts extends Opening {
  readonly seen: SeenLog;
  readonly takeSnapshot: KeyspaceNodeOptions['takeSnapshot'];
}

/** Opens and verifies a keyspace's store and wires a node to it; a store that is damaged is told, and closed. */
export async function openKeyspaceNode(
  options: HostOptions,
  { compare, joined, seen, takeSnapshot }: OpeningPorts,
): Promise<KeyspaceNode | StoreDamaged> {
  const { keyspace, runtime } = options;
  const { place, note } = keyspace;
  try {
    const store = await openKeyspaceStore(
      () => place.openCurrent(),
      runtime.logger,
      () => place.probe(),
    );
    try {
      const suspicion = await note?.suspicion(store.head, store.replaced);
      if (suspicion !== undefined) runtime.logger.warn({ suspicion }, 'the store may have been set back');
      return await KeyspaceNode.open({
        ...options,
        ...keyspace,
        store,
        compare: suspicion === undefined ? compare : 'all',
        seen,
        suspicion,
        joined,
        takeSnapshot,
      });
    } catch (error) {
      await store.close().catch(() => undefined);
      throw error;
    }
  } catch (error) {
    if (error instanceof StoreDamaged) return error;
    throw error;
  }
}
