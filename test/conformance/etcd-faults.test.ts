import { afterAll } from 'vitest';
import { EtcdModel } from '../support/etcd-model.js';
import { RealEtcd } from '../support/real-etcd.js';
import { etcdFaults } from './etcd-faults.js';

const etcd = await RealEtcd.start();
const kv = etcd.client();
await etcd.ready(kv);
afterAll(async () => {
  kv.close();
  await etcd.stop();
});

etcdFaults('etcd', () => kv);
etcdFaults('the model of etcd', () => new EtcdModel().client());
