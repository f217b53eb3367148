import { randomUUID } from 'node:crypto';
import { nodeId } from '../../src/model/ids.js';
import { EtcdKeys } from '../../src/ordering/etcd/etcd-keys.js';
import type { EtcdKv } from '../../src/ordering/etcd/etcd-kv.js';
import { EtcdLog } from '../../src/ordering/etcd/etcd-log.js';
import { initEtcdHistory } from '../../src/ordering/etcd/init-etcd-history.js';
import type { Beginning } from '../../src/ordering/genesis.js';
import { silentLogger, type Runtime } from '../../src/runtime/runtime.js';
import { createSystemRuntime } from '../../src/runtime/system/runtime.js';

/** Long enough for a busy machine to keep it alive. */
const leaseMsUsual = 5000;

/** One keyspace in an etcd, under a prefix that is new to it. */
export class EtcdKeyspace {
  readonly prefix = `/conformance/${randomUUID()}/`;
  readonly keys = new EtcdKeys(this.prefix);
  readonly kv: EtcdKv;
  readonly #leaseMs: number;
  readonly #runtime = createSystemRuntime(silentLogger);
  #logs: EtcdLog[] = [];

  constructor(kv: EtcdKv, leaseMs = leaseMsUsual) {
    this.kv = kv;
    this.#leaseMs = leaseMs;
  }

  async begin(beginning: Beginning): Promise<void> {
    const begun = await initEtcdHistory(this.kv, this.prefix, beginning);
    if (begun !== 'begun') throw new Error('a fresh prefix has a history');
  }

  /** A candidate's log, by default over the common client and with the common time. */
  log(name: string, kv: EtcdKv = this.kv, runtime: Runtime = this.#runtime): EtcdLog {
    const leaseMs = this.#leaseMs;
    const log = new EtcdLog({ kv, prefix: this.prefix, self: nodeId(name), leaseMs, runtime });
    this.#logs.push(log);
    return log;
  }

  /** Ends the lease of who leads, without telling it. */
  async makeWay(): Promise<void> {
    const [leader] = await this.kv.range({ key: this.keys.leader });
    if (leader !== undefined) await this.kv.revokeLease(leader.lease);
  }

  async close(): Promise<void> {
    await Promise.all(this.#logs.map((log) => log.close()));
    this.#logs = [];
  }
}
