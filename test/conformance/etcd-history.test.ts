import { afterAll, describe, expect, it } from 'vitest';
import { logPosition, type KeyspaceId } from '../../src/model/ids.js';
import { encodeGenesis } from '../../src/ordering/genesis.js';
import { readEtcdGenesis } from '../../src/ordering/etcd/etcd-genesis.js';
import type { EtcdKv } from '../../src/ordering/etcd/etcd-kv.js';
import { initEtcdHistory } from '../../src/ordering/etcd/init-etcd-history.js';
import { replaceEtcdHistory } from '../../src/ordering/etcd/replace-etcd-history.js';
import { EtcdKeyspace } from '../support/etcd-logs.js';
import { EtcdModel } from '../support/etcd-model.js';
import { FaultyEtcd, loseAnswer, loseRequest, ofKind } from '../support/faulty-etcd.js';
import { RealEtcd } from '../support/real-etcd.js';
import { appendNext, beginning, chainAt, led, nonceA, nonceB, positions } from './ordered-log.js';

const other = { ...beginning, keyspaceId: '99999999-2222-4333-8444-555555555555' as KeyspaceId };

const etcd = await RealEtcd.start();
const real = etcd.client();
await etcd.ready(real);
afterAll(async () => {
  real.close();
  await etcd.stop();
});

const clients: readonly (readonly [string, () => EtcdKv])[] = [
  ['etcd', () => real],
  ['the model of etcd', () => new EtcdModel().client()],
];

describe.each(clients)('a history in %s', (_, client) => {
  it.each([
    ['answer', loseAnswer],
    ['request', loseRequest],
  ] as const)('begins once, also when the %s is lost', async (__, fault) => {
    const keyspace = new EtcdKeyspace(client());
    const faulty = new FaultyEtcd(keyspace.kv);
    faulty.next(ofKind('txn'), fault);
    expect(await initEtcdHistory(faulty.kv, keyspace.prefix, beginning)).toBe('begun');
    expect(await initEtcdHistory(faulty.kv, keyspace.prefix, beginning)).toBe('begun');
    expect(await readEtcdGenesis(keyspace.kv, keyspace.prefix)).toMatchObject({
      keyspaceId: beginning.keyspaceId,
      keyspace: 'default',
    });
    const log = keyspace.log('a');
    expect(await positions(log)).toEqual([0]);
    await keyspace.close();
  });

  it('is that of one of two who begin it at once', async () => {
    const keyspace = new EtcdKeyspace(client());
    const begun = await Promise.all(
      [beginning, other].map((mine) => initEtcdHistory(keyspace.kv, keyspace.prefix, mine)),
    );
    const genesis = await readEtcdGenesis(keyspace.kv, keyspace.prefix);
    const [won, lost] = begun[0] === 'begun' ? [beginning, begun[1]] : [other, begun[0]];
    expect(begun).toContain('begun');
    expect(lost).toEqual({ exists: won.keyspaceId });
    expect(genesis?.keyspaceId).toBe(won.keyspaceId);
    expect((await keyspace.log('a').read(logPosition(0), 1))[0]).toEqual(encodeGenesis(won));
    await keyspace.close();
  });

  it('is not begun again when position 0 was trimmed, nor over entries that belong to none', async () => {
    const keyspace = new EtcdKeyspace(client());
    await keyspace.begin(beginning);
    const log = keyspace.log('a');
    const fence = await led(log, nonceA);
    await appendNext(log, fence, await chainAt(log, nonceA));
    await log.trim(fence, logPosition(1));
    expect(await initEtcdHistory(keyspace.kv, keyspace.prefix, other)).toEqual({
      exists: beginning.keyspaceId,
    });
    const removal = { delete: { key: keyspace.keys.genesis } };
    await keyspace.kv.txn({ compare: [], success: [removal], failure: [] });
    await expect(initEtcdHistory(keyspace.kv, keyspace.prefix, other)).rejects.toThrow('entries under');
    expect(await positions(log, 1)).toEqual([1]);
    await keyspace.close();
  });

  it('takes the place of the one that was read, once, and deposes who led', async () => {
    const keyspace = new EtcdKeyspace(client());
    await keyspace.begin(beginning);
    const [a, b] = [keyspace.log('a'), keyspace.log('b')];
    const fence = await led(a, nonceA);
    const chain = await chainAt(a, nonceA);
    for (let i = 0; i < 3; i++) await appendNext(a, fence, chain);
    expect((await b.tail()).position).toBe(3);
    const replaces = (await readEtcdGenesis(keyspace.kv, keyspace.prefix))!.modRevision;
    const replacement = { genesis: other, entry: encodeGenesis(other), replaces };
    const faulty = new FaultyEtcd(keyspace.kv);
    faulty.next(ofKind('txn'), loseAnswer);
    expect(await replaceEtcdHistory(faulty.kv, keyspace.prefix, replacement)).toBe('replaced');
    const late = { ...replacement, genesis: { ...beginning, keyspace: 'late' } };
    expect(await replaceEtcdHistory(faulty.kv, keyspace.prefix, late)).toBe('changed');
    expect(await appendNext(a, fence, chain)).toBe('deposed');
    expect(await positions(b)).toEqual([0]);
    expect((await b.tail()).position).toBe(0);
    const successor = await led(b, nonceB);
    const next = await chainAt(b, nonceB);
    for (let i = 0; i < 4; i++) expect(await appendNext(b, successor, next)).toBe('durable');
    expect(await keyspace.log('c').tail()).toEqual(next.tail);
    // It knew an entry at a position that now holds another history's.
    expect(await a.tail()).toEqual(next.tail);
    await keyspace.close();
  });
});
