import { parseKeyspaceId, type KeyspaceId } from '../../model/ids.js';
import { saysNothing } from './closing.js';
import { EtcdKeys } from './etcd-keys.js';
import type { EtcdKv } from './etcd-kv.js';

/** What the genesis key holds: the history that the log is of. It is there as long as the history, whatever is trimmed. */
export interface EtcdGenesis {
  readonly keyspaceId: KeyspaceId;
  readonly keyspace: string;
}

export interface FoundGenesis extends EtcdGenesis {
  readonly modRevision: number;
}

/** How often a call without pauses is made again before what etcd last said is told. */
const attemptsMax = 6;

export function encodeEtcdGenesis({ keyspaceId, keyspace }: EtcdGenesis): Buffer {
  return Buffer.from(JSON.stringify({ keyspaceId, keyspace }));
}

/** Throws when these are not the bytes of a genesis key. */
export function decodeEtcdGenesis(bytes: Buffer): EtcdGenesis {
  const value = JSON.parse(bytes.toString()) as { keyspaceId?: unknown; keyspace?: unknown };
  const keyspaceId = parseKeyspaceId(String(value.keyspaceId));
  if (keyspaceId === undefined || typeof value.keyspace !== 'string')
    throw new Error(`the genesis key in etcd holds ${JSON.stringify(value)}`);
  return { keyspaceId, keyspace: value.keyspace };
}

/** Undefined when no history has begun. Rejects with an EtcdError. */
export async function readEtcdGenesis(
  kv: EtcdKv,
  prefix: Buffer | string,
): Promise<FoundGenesis | undefined> {
  const { genesis } = new EtcdKeys(prefix);
  const [found] = await repeated(() => kv.range({ key: genesis }));
  return found === undefined
    ? undefined
    : { ...decodeEtcdGenesis(found.value), modRevision: found.modRevision };
}

/** For commands that an operator repeats: a few attempts, and no pause but what etcd takes. `ask` may be executed twice. */
export async function repeated<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (!saysNothing(error) || attempt === attemptsMax) throw error;
    }
  }
}
