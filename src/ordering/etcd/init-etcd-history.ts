import type { KeyspaceId } from '../../model/ids.js';
import { encodeGenesis, type Beginning } from '../genesis.js';
import { decodeEtcdGenesis, encodeEtcdGenesis, repeated } from './etcd-genesis.js';
import { EtcdKeys } from './etcd-keys.js';
import { EtcdError, type EtcdKv } from './etcd-kv.js';

/** `exists`: another history has begun there, and stays. */
export type BegunInEtcd = 'begun' | { readonly exists: KeyspaceId };

/**
 * Begins a history where there is none, in one transaction. Of two who begin at once one wins. Also 'begun' when the same
 * beginning was written before: a lost answer is told by its uuid. Rejects with an EtcdError, after which the same call may be made again.
 */
export async function initEtcdHistory(
  kv: EtcdKv,
  prefix: Buffer | string,
  beginning: Beginning,
): Promise<BegunInEtcd> {
  const keys = new EtcdKeys(prefix);
  const [log] = await repeated(() =>
    kv.range({ key: keys.logStart, end: keys.logEnd, limit: 1, keysOnly: true }),
  );
  const { succeeded, results } = await repeated(() =>
    kv.txn({
      compare: [
        { key: keys.genesis, revision: 'create', is: '=', than: 0 },
        { key: log?.key ?? keys.logStart, revision: 'create', is: '=', than: 0 },
      ],
      success: [
        { put: { key: keys.genesis, value: encodeEtcdGenesis(beginning) } },
        { put: { key: keys.logStart, value: encodeGenesis(beginning) } },
      ],
      failure: [{ range: { key: keys.genesis } }],
    }),
  );
  if (succeeded) return 'begun';
  const genesis = results[0]?.[0];
  if (genesis === undefined)
    throw new EtcdError(
      'refused',
      `etcd holds entries under ${prefix.toString()}log/ but not what they belong to`,
    );
  const { keyspaceId } = decodeEtcdGenesis(genesis.value);
  return keyspaceId === beginning.keyspaceId ? 'begun' : { exists: keyspaceId };
}
