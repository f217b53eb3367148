import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.js';
import { InProcessCluster } from '../../test/support/in-process-cluster.js';
import { add, failureOf, key, local, oneShot, put, valueOf } from '../../test/support/requests.js';
import type { KeyspaceService } from '../transaction/service.js';

const eio = new Error('IO error: default/000007.log: Input/output error');

let cluster: InProcessCluster;
afterEach(() => cluster.stop());

const service = (node: string): KeyspaceService => cluster.service(node);
const commit = (node: string, text: string, timeoutMs = 20_000) =>
  service(node).transact(oneShot({ mutations: [put(text), add('n')], timeoutMs }));

/** What a node shows of itself, read where it is. */
async function seenAt(node: string, text: string): Promise<boolean> {
  const { values } = valueOf(await service(node).read([key(text)], local));
  return values[0] !== undefined;
}

/** Waits until the node's store is halted and its disk has been tried again, more than once. */
async function halted(node: string): Promise<void> {
  const { probes } = cluster.disk(node);
  await eventually(() => expect(cluster.parts(node).store.halted).toContain(eio.message));
  await eventually(() => expect(cluster.disk(node).probes).toBeGreaterThan(probes + 1));
}

describe('a home whose disk fails', () => {
  it('says so, acknowledges nothing, is read all the same, and goes on when its disk does', async () => {
    cluster = await InProcessCluster.start();
    valueOf(await commit('west', 'before'));
    await cluster.settled();
    const disk = cluster.disk('home');
    const { opens } = disk;
    disk.failing = eio;
    const told = await Promise.all(
      ['home', 'east', 'west'].map((node) => commit(node, `during, from ${node}`, 500)),
    );
    for (const one of told)
      expect(failureOf(one)).toMatchObject({ code: 'COMMIT_OUTCOME_UNKNOWN', outcome: 'unknown' });
    await halted('home');
    expect(disk.opens).toBe(opens);
    expect(cluster.status('home')).toMatchObject({ writable: false });
    expect(cluster.status('home').detail).toContain(eio.message);
    for (const node of ['home', 'east', 'west'])
      expect([node, await seenAt(node, 'before'), await seenAt(node, 'during, from home')]).toEqual([
        node,
        true,
        false,
      ]);
    disk.failing = undefined;
    await cluster.writable();
    // Told unknown, they stood in the batch that failed, and are decided now.
    await eventually(async () => expect(await seenAt('west', 'during, from west')).toBe(true));
    valueOf(await commit('home', 'after'));
    await cluster.settled();
    disk.crash();
    expect(await cluster.stateHashes()).toHaveLength(1);
    expect(cluster.parts('home').store.halted).toBeUndefined();
  });
});

describe('a follower whose disk fails', () => {
  it('says so, is read as it was, holds up nobody, and catches up when its disk goes on', async () => {
    cluster = await InProcessCluster.start();
    valueOf(await commit('home', 'before'));
    await cluster.settled();
    const disk = cluster.disk('west');
    const { opens } = disk;
    disk.failing = eio;
    for (let n = 0; n < 20; n++) valueOf(await commit(n % 2 === 0 ? 'home' : 'east', `during ${n}`));
    await halted('west');
    expect(disk.opens).toBe(opens);
    expect(cluster.status('west')).toMatchObject({ state: 'catching-up', writable: false });
    expect(cluster.status('west').detail).toContain(eio.message);
    expect([await seenAt('west', 'before'), await seenAt('west', 'during 0')]).toEqual([true, false]);
    const causal = { ...local, causal: true, timeoutMs: 300 };
    expect(failureOf(await service('west').read([key('before')], causal))).toMatchObject({
      code: 'CAUSAL_READ_TIMEOUT',
    });
    // It cannot see what it commits, and does not say that it has.
    expect(failureOf(await commit('west', 'from west', 500))).toMatchObject({ outcome: 'unknown' });
    disk.failing = undefined;
    await cluster.writable();
    await eventually(async () => expect(await seenAt('west', 'during 19')).toBe(true));
    expect(await cluster.stateHashes()).toHaveLength(1);
    valueOf(await commit('west', 'after'));
  });
});
