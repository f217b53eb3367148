import { afterAll, describe, expect, it } from 'vitest';
import { nodeId } from '../../src/model/ids.js';
import type { EtcdKv } from '../../src/ordering/etcd/etcd-kv.js';
import { FaultyEtcd, loseAnswer, writing } from '../support/faulty-etcd.js';
import { EtcdModel } from '../support/etcd-model.js';
import { EtcdKeyspace } from '../support/etcd-logs.js';
import { RealEtcd } from '../support/real-etcd.js';
import {
  appendNext,
  beginning,
  chainAt,
  led,
  nonceA,
  nonceB,
  orderedLogConformance,
  type LogUnderTest,
  type MakeLog,
} from './ordered-log.js';

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

describe.each([
  ['etcd', () => kv],
  ['the model of etcd', () => new EtcdModel().client()],
] as const)('the role on %s of a candidate that does not run any more', (_, client) => {
  it('is taken at once, and the end of the old lease does not end it, also when the answer is lost', async () => {
    const keyspace = new EtcdKeyspace(client());
    await keyspace.begin(beginning);
    const a = keyspace.log('a');
    const faulty = new FaultyEtcd(keyspace.kv);
    const b = keyspace.log('b', faulty.kv);
    const fence = await led(a, nonceA);
    const chain = await chainAt(a, nonceA);
    const [old] = await keyspace.kv.range({ key: keyspace.keys.leader });
    expect(await b.lead(nonceB, undefined, nodeId('c'))).toEqual({ notNow: 'a leads' });
    faulty.next(writing(keyspace.keys.leader), loseAnswer);
    const taken = await b.lead(nonceB, undefined, nodeId('a'));
    await keyspace.kv.revokeLease(old!.lease);
    expect(await appendNext(a, fence, chain)).toBe('deposed');
    if ('notNow' in taken) throw new Error(taken.notNow);
    expect(await appendNext(b, taken.fence, await chainAt(b, nonceB))).toBe('durable');
    await keyspace.close();
  });
});
