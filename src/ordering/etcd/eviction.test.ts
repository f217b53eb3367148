import { expect, it } from 'vitest';
import { Chain } from '../../../test/support/chain.js';
import { EtcdModel } from '../../../test/support/etcd-model.js';
import { logPosition, nodeId, type KeyspaceId } from '../../model/ids.js';
import { silentLogger } from '../../runtime/runtime.js';
import { createSystemRuntime } from '../../runtime/system/runtime.js';
import { EtcdLog } from './etcd-log.js';
import { initEtcdHistory } from './init-etcd-history.js';

const prefix = '/meridian/test/default/';
const nonce = (n: number): Buffer => Buffer.alloc(16, n);
const runtime = createSystemRuntime(silentLogger);

async function candidates() {
  const etcd = new EtcdModel();
  const beginning = {
    ...{ keyspaceId: '11111111-2222-4333-8444-555555555555' as KeyspaceId, keyspace: 'default' },
    ...{ nowMs: 500, nonce: nonce(1) },
  };
  await initEtcdHistory(etcd.client(), prefix, beginning);
  const of = (self: string) =>
    new EtcdLog({ kv: etcd.client(), prefix, self: nodeId(self), leaseMs: 60_000, runtime });
  return { a: of('a'), b: of('b'), again: of('a') };
}

it('a role that is held by who is gone is taken at once, and what that one still appends is not written', async () => {
  const { a, b } = await candidates();
  const led = await a.lead(nonce(2));
  if ('notNow' in led) throw new Error(led.notNow);
  expect(await b.lead(nonce(3))).toEqual({ notNow: 'a leads' });
  expect(await b.lead(nonce(3), () => {}, nodeId('c'))).toEqual({ notNow: 'a leads' });
  expect(await b.lead(nonce(3), () => {}, nodeId('a'))).toHaveProperty('fence');
  const entry = new Chain(await b.tail()).barrier();
  expect(await a.append(led.fence, logPosition(1), entry)).toBe('deposed');
  expect((await b.tail()).position).toBe(0);
  await Promise.all([a.close(), b.close()]);
});

it('a node that begins again takes the role that an earlier life of it holds', async () => {
  const { a, again } = await candidates();
  await a.lead(nonce(2));
  expect(await again.lead(nonce(3), () => {}, nodeId('a'))).toHaveProperty('fence');
  await Promise.all([a.close(), again.close()]);
});
