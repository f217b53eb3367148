import { dataRow, decodeData, decodeHead, headKey, keyOfDataKey } from '../../../src/storage/layout.js';
import type { Database, OpenDatabase } from '../../../src/storage/store.js';
import type { StoredOperation } from '../../support/faulty-database.js';
import type { WrapPlace } from '../world/wraps.js';

export type Wrap = (open: OpenDatabase) => OpenDatabase;

/** Every database of a keyspace at a node, the current one and the incoming copy. */
export function databases(wrap: Wrap): WrapPlace {
  return (place) => ({
    ...place,
    openCurrent: wrap(() => place.openCurrent()),
    openIncoming: wrap(() => place.openIncoming()),
  });
}

interface TakesBatches {
  _batch(operations: readonly StoredOperation[], options: object): Promise<void>;
}

type GetSync = (key: Buffer, options: object) => Buffer | undefined;
type GetMany = (keys: Buffer[], options: object) => Promise<(Buffer | undefined)[]>;

const isKind = (prefix: string, key: Uint8Array): boolean => key[0] === prefix.charCodeAt(0);

/** Databases whose batches are changed on their way, or whose write is another. `nth` counts those of one database. */
function writing(write: (given: Written) => Promise<void>): Wrap {
  return (open) => async () => {
    const database = await open();
    const takes = database as unknown as TakesBatches;
    const batch = takes._batch.bind(database);
    let nth = 0;
    takes._batch = (operations, options) =>
      write({
        database,
        nth: nth++,
        operations,
        through: (changed = operations) => batch(changed, options),
      });
    return database;
  };
}

interface Written {
  readonly database: Database;
  readonly nth: number;
  readonly operations: readonly StoredOperation[];
  readonly through: (changed?: readonly StoredOperation[]) => Promise<void>;
}

/** Reads are of the newest state, whatever snapshot they name. */
export const ignoringSnapshots: Wrap = (open) => async () => {
  const database = await open();
  const getSync = database.getSync.bind(database) as GetSync;
  const getMany = database.getMany.bind(database) as GetMany;
  return Object.assign(database, {
    getSync: (key: Buffer) => getSync(key, {}),
    getMany: (keys: Buffer[]) => getMany(keys, {}),
  });
};

/** Outcomes of ids are not found again. */
export const forgettingOutcomes: Wrap = (open) => async () => {
  const database = await open();
  const getSync = database.getSync.bind(database) as GetSync;
  const getMany = database.getMany.bind(database) as GetMany;
  return Object.assign(database, {
    getSync: (key: Buffer, options: object) => (isKind('o', key) ? undefined : getSync(key, options)),
    getMany: async (keys: Buffer[], options: object) =>
      keys.length > 0 && isKind('o', keys[0]!) ? keys.map(() => undefined) : getMany(keys, options),
  });
};

/** Outcomes of ids below the log's floor are gone, as they may be once they need not be kept any more. */
export const keepingOutcomesToTheFloor: Wrap = (open) => async () => {
  const database = await open();
  const getSync = database.getSync.bind(database) as GetSync;
  const getMany = database.getMany.bind(database) as GetMany;
  const isGone = (key: Buffer): boolean => {
    const head = isKind('o', key) ? getSync(headKey, {}) : undefined;
    return head !== undefined && key.readUIntBE(1, 6) < decodeHead(head).head.idFloorMs;
  };
  return Object.assign(database, {
    getSync: (key: Buffer, options: object) => (isGone(key) ? undefined : getSync(key, options)),
    getMany: async (keys: Buffer[], options: object) => {
      const found = await getMany(keys, options);
      return found.map((value, i) => (isGone(keys[i]!) ? undefined : value));
    },
  });
};

/** Of all records one in so many is not written. */
export function losingRecords(oneIn = 100): Wrap {
  let records = 0;
  const isLost = ({ key }: StoredOperation): boolean => isKind('d', key) && ++records % oneIn === 0;
  return writing(({ operations, through }) => through(operations.filter((one) => !isLost(one))));
}

/** A write that fails is taken for one that succeeded. */
export const goingOnAfterFailures: Wrap = writing(({ through }) => through().catch(() => undefined));

/** What the first batch after an opening adds to a counter, it adds twice. */
export const applyingTwice: Wrap = writing(({ database, nth, operations, through }) => {
  if (nth > 3) return through();
  const twice = operations.map((operation): StoredOperation => {
    const { type, key, value } = operation;
    if (type === 'del' || !isKind('d', key)) return operation;
    const after = decodeData(key, value!);
    const record = database.getSync(key);
    const before = record === undefined ? undefined : decodeData(key, record);
    if (after.value.kind !== 'counter' || before?.value.kind !== 'counter') return operation;
    const count = after.value.count + (after.value.count - before.value.count);
    return {
      type,
      key,
      value: dataRow(keyOfDataKey(key), { ...after, value: { kind: 'counter', count } }).value,
    };
  });
  return through(twice);
});
