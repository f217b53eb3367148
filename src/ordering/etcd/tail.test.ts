import { beforeEach, expect, it } from 'vitest';
import { Chain } from '../../../test/support/chain.js';
import { EtcdModel } from '../../../test/support/etcd-model.js';
import { ManualTime } from '../../../test/support/manual-time.js';
import { logPosition, nodeId, type KeyspaceId } from '../../model/ids.js';
import { silentLogger } from '../../runtime/runtime.js';
import { EtcdLog } from './etcd-log.js';
import { initEtcdHistory } from './init-etcd-history.js';

const prefix = '/meridian/test/default/';
const nonce = Buffer.alloc(16, 2);
const entries = 3000;

let etcd: EtcdModel;
let requests: number;
let chain: Chain;
let writer: EtcdLog;

const openLog = (name: string): EtcdLog => {
  const kv = etcd.client((_, execute) => {
    requests += 1;
    return execute();
  });
  const random = { bytes: (count: number) => Buffer.alloc(count), fraction: () => 0 };
  const runtime = { ...new ManualTime(), random, logger: silentLogger };
  return new EtcdLog({ kv, prefix, self: nodeId(name), leaseMs: 600_000, runtime });
};

beforeEach(async () => {
  etcd = new EtcdModel();
  const keyspaceId = '11111111-2222-4333-8444-555555555555' as KeyspaceId;
  await initEtcdHistory(etcd.client(), prefix, { keyspaceId, keyspace: 'default', nowMs: 500, nonce });
  writer = openLog('a');
  const led = await writer.lead(nonce);
  if ('notNow' in led) throw new Error(led.notNow);
  chain = new Chain(await writer.tail());
  for (let position = 1; position <= entries; position++)
    await writer.append(led.fence, logPosition(position), chain.barrier());
  await writer.trim(led.fence, logPosition(100));
  requests = 0;
});

it('a node that has followed finds the end of a long log by what it holds, however little it has read of it', async () => {
  for (const held of [entries, entries - 1, entries - 60]) {
    requests = 0;
    expect(await openLog('b').tail(logPosition(held))).toEqual(chain.tail);
    expect(requests, `from ${held} on`).toBeLessThanOrEqual(3);
  }
});

it('what is held no longer, or not yet, in the log is no place to begin at: the end is found all the same', async () => {
  for (const held of [0, 99, entries + 5])
    expect(await openLog('b').tail(logPosition(held)), `from ${held} on`).toEqual(chain.tail);
});

it('who has read further than it says begins there', async () => {
  const log = openLog('b');
  await log.tail();
  requests = 0;
  expect(await log.tail(logPosition(200))).toEqual(chain.tail);
  expect(requests).toBe(1);
});
