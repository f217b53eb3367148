import { expect, it } from 'vitest';
import { Chain } from '../../../test/support/chain.js';
import { EtcdModel } from '../../../test/support/etcd-model.js';
import { ManualTime } from '../../../test/support/manual-time.js';
import { logPosition, nodeId, type KeyspaceId } from '../../model/ids.js';
import { silentLogger } from '../../runtime/runtime.js';
import { EtcdLog } from './etcd-log.js';
import { initEtcdHistory } from './init-etcd-history.js';

const prefix = '/meridian/test/default/';
const nonce = Buffer.alloc(16, 2);

it('what was trimmed is compacted away, so that etcd keeps it in no older revision; twice a minute at most', async () => {
  const etcd = new EtcdModel();
  const compacted: number[] = [];
  const kv = etcd.client((call, execute) => {
    if (call.kind === 'compact') compacted.push(call.revision);
    return execute();
  });
  const keyspaceId = '11111111-2222-4333-8444-555555555555' as KeyspaceId;
  await initEtcdHistory(kv, prefix, { keyspaceId, keyspace: 'default', nowMs: 500, nonce });
  const time = new ManualTime();
  const random = { bytes: (count: number) => Buffer.alloc(count), fraction: () => 0 };
  const runtime = { ...time, random, logger: silentLogger };
  const log = new EtcdLog({ kv, prefix, self: nodeId('a'), leaseMs: 600_000, runtime });
  const led = await log.lead(nonce);
  if ('notNow' in led) throw new Error(led.notNow);
  const chain = new Chain(await log.tail());
  for (let position = 1; position <= 6; position++)
    await log.append(led.fence, logPosition(position), chain.barrier());

  expect(await log.trim(led.fence, logPosition(2))).toBe('done');
  expect(compacted).toEqual([etcd.revision]);
  expect(await log.trim(led.fence, logPosition(4))).toBe('done');
  expect(compacted).toHaveLength(1);
  time.advance(30_000);
  expect(await log.trim(led.fence, logPosition(6))).toBe('done');
  expect(compacted).toEqual([expect.any(Number), etcd.revision]);
  await log.close();
});
