import type { BegunHistory, FoundLog, ReplaceableLog } from '../replaceable-log.js';
import { holderOf } from './election.js';
import { decodeEtcdGenesis, repeated } from './etcd-genesis.js';
import { EtcdKeys } from './etcd-keys.js';
import type { EtcdKv } from './etcd-kv.js';
import { replaceEtcdHistory } from './replace-etcd-history.js';

/** A keyspace's log in etcd, to whoever recovers it. `prefix` ends with `/`. Both calls reject with EtcdErrors. */
export class ReplaceableEtcdLog implements ReplaceableLog {
  readonly #kv: EtcdKv;
  readonly #prefix: Buffer | string;

  constructor(kv: EtcdKv, prefix: Buffer | string) {
    this.#kv = kv;
    this.#prefix = prefix;
  }

  async look(): Promise<FoundLog> {
    const keys = new EtcdKeys(this.#prefix);
    const success = [{ range: { key: keys.genesis } }, { range: { key: keys.leader } }];
    const { results } = await repeated(() => this.#kv.txn({ compare: [], success, failure: [] }));
    const [genesis, leader] = results.map((found) => found?.[0]);
    return {
      keyspaceId: genesis === undefined ? undefined : decodeEtcdGenesis(genesis.value).keyspaceId,
      leader: leader === undefined ? undefined : { node: holderOf(leader), term: leader.modRevision },
      token: genesis?.modRevision ?? 0,
    };
  }

  replace(
    { token }: FoundLog,
    { keyspaceId, keyspace, genesis }: BegunHistory,
  ): Promise<'replaced' | 'changed'> {
    const replacement = { genesis: { keyspaceId, keyspace }, entry: genesis, replaces: token as number };
    return replaceEtcdHistory(this.#kv, this.#prefix, replacement);
  }
}
