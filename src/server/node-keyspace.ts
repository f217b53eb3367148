import type { KeyspaceName, NodeId, RegionId } from '../model/ids.js';
import type { OrderedLog } from '../ordering/ordered-log.js';
import type { ReplaceableLog } from '../ordering/replaceable-log.js';
import type { StorePlace } from '../storage/store-place.js';
import type { HeadNote } from './head-note.js';

/** A keyspace as a node is given it. */
export interface NodeKeyspace {
  readonly name: KeyspaceName;
  readonly home: RegionId;
  readonly homeNode: NodeId;
  readonly place: StorePlace;
  /** One candidate's view of the log that the nodes share; undefined: the store of the home node is the log. */
  readonly sharedLog?: () => OrderedLog;
  /** The same log, to whoever recovers it; undefined: it is not recovered from here. */
  readonly replaceable?: ReplaceableLog;
  /** Whether the store may have been set back, judged when it is open: then every peer is compared with before it leads. */
  readonly note?: HeadNote;
}
