import { logPosition } from '../../model/ids.js';
import { decodeEtcdGenesis, encodeEtcdGenesis, repeated, type EtcdGenesis } from './etcd-genesis.js';
import { EtcdKeys } from './etcd-keys.js';
import type { EtcdKv } from './etcd-kv.js';

export interface EtcdReplacement {
  /** The new history, under an id that no other ever had. */
  readonly genesis: EtcdGenesis;
  /** The encoded entry at its position 0. */
  readonly entry: Uint8Array;
  /** The genesis key's mod_revision as it was read before (`readEtcdGenesis`); 0: there was none. */
  readonly replaces: number;
}

/**
 * For a recovery: puts a new history in the place of the one that was read before, in one transaction. All its entries go, and who
 * leads is deposed. 'changed': the history is not the one that was read; nothing was done. A lost answer is
 * told by the uuid. Rejects with an EtcdError, after which the same call may be made again.
 */
export async function replaceEtcdHistory(
  kv: EtcdKv,
  prefix: Buffer | string,
  { genesis, entry, replaces }: EtcdReplacement,
): Promise<'replaced' | 'changed'> {
  const keys = new EtcdKeys(prefix);
  const { succeeded, results } = await repeated(() =>
    kv.txn({
      compare: [{ key: keys.genesis, revision: 'mod', is: '=', than: replaces }],
      success: [
        { delete: { key: keys.log(logPosition(1)), end: keys.logEnd } },
        { delete: { key: keys.leader } },
        { put: { key: keys.logStart, value: entry } },
        { put: { key: keys.genesis, value: encodeEtcdGenesis(genesis) } },
      ],
      failure: [{ range: { key: keys.genesis } }],
    }),
  );
  if (succeeded) return 'replaced';
  const found = results[0]?.[0];
  const isOurs = found !== undefined && decodeEtcdGenesis(found.value).keyspaceId === genesis.keyspaceId;
  return isOurs ? 'replaced' : 'changed';
}
