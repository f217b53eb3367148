import type { EtcdKv } from '../../../src/ordering/etcd/etcd-kv.js';
import type { OrderedLog } from '../../../src/ordering/ordered-log.js';
import type { StorePlace } from '../../../src/storage/store-place.js';

export type WrapPlace = (place: StorePlace) => StorePlace;

/** What a planted bug puts between parts of a node. */
export interface Wraps {
  /** Between the disks of a keyspace at a node and the stores on them. */
  readonly place?: WrapPlace;
  /** Between an ordered log on etcd and its client. */
  readonly kv?: (kv: EtcdKv) => EtcdKv;
  /** Between the role and an ordered log on etcd. */
  readonly log?: (log: OrderedLog) => OrderedLog;
}
