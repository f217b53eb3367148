import { afterAll } from 'vitest';
import type { EtcdKv } from '../../src/ordering/etcd/etcd-kv.js';
import { EtcdModel } from '../support/etcd-model.js';
import { EtcdKeyspace } from '../support/etcd-logs.js';
import { RealEtcd } from '../support/real-etcd.js';
import { orderedLogConformance, type LogUnderTest, type MakeLog } from './ordered-log.js';

/** A crash of the candidates' machines leaves etcd as it is; their leases run out. */
function underTest(keyspace: EtcdKeyspace): LogUnderTest {
  return {
    candidates: [keyspace.log('a'), keyspace.log('b')],
    makeWay: () => keyspace.makeWay(),
    crash: async () => {
      await keyspace.close();
      await keyspace.makeWay();
      return underTest(keyspace);
    },
    close: () => keyspace.close(),
  };
}

function over(kv: () => EtcdKv): MakeLog {
  return async (beginning) => {
    const keyspace = new EtcdKeyspace(kv());
    if (beginning !== undefined) await keyspace.begin(beginning);
    return underTest(keyspace);
  };
}

const etcd = await RealEtcd.start();
const kv = etcd.client();
await etcd.ready(kv);
afterAll(async () => {
  kv.close();
  await etcd.stop();
});

orderedLogConformance(
  'etcd log on etcd',
  over(() => kv),
  { shared: true },
);
orderedLogConformance(
  'etcd log on the model of etcd',
  over(() => new EtcdModel().client()),
  { shared: true },
);
