import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestCluster, type TestCluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { clientsOf, sameHash } from '../support/http-cluster.js';
import type { HttpClient } from '../support/http-client.js';
import { answersOf, TestLoad } from '../support/load-process.js';

/** Transactions of many keys, so that offering ten times what is served costs this machine little beside serving it. */
const mutations = 200;
const factor = 10;
const offeredS = 2;
/** What a node may hold in memory at most, heap that was not collected yet included. */
const residentMiBMax = 1024;

let cluster: TestCluster;
let clients: ReadonlyMap<string, HttpClient>;
let loads: TestLoad[];

beforeAll(async () => {
  cluster = await startTestCluster();
  clients = clientsOf(cluster);
  loads = await Promise.all(cluster.nodes.map(({ httpUrl }, i) => TestLoad.start(httpUrl, 1 + i)));
});
afterAll(async () => {
  await Promise.all(loads.map((load) => load.stop()));
  await cluster.discard();
});

function mostResidentMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)![1]) / 1024;
}

/** What a closed loop is served per second, by all nodes together. */
async function capacity(seconds: number): Promise<number> {
  const order = { kind: 'saturate', mutations, clients: 24, beginMs: Date.now() + 100, seconds } as const;
  const answers = await Promise.all(loads.map((load) => load.ask(order, 'saturated')));
  return answers.reduce((sum, { perSecond }) => sum + perSecond, 0);
}

it('at ten times what the cluster serves, the rest is refused at once, memory is bounded, and it goes on after', async () => {
  const perSecond = await capacity(2);
  const phases = [{ perSecond: (perSecond * factor) / loads.length, seconds: offeredS }];
  const order = {
    kind: 'offer',
    mutations,
    phases,
    beginMs: Date.now() + 100,
    connectionsMax: 1500,
  } as const;
  const offering = Promise.all(loads.map((load) => load.ask(order, 'offered')));
  let ended = false;
  void offering.finally(() => (ended = true));
  let probed = 0;
  while (!ended)
    for (const http of clients.values())
      for (const path of ['/livez', '/metrics', '/v1/cluster', '/v1/keyspaces']) {
        expect([path, (await http.ask({ path })).status]).toEqual([path, 200]);
        probed += 1;
      }
  const reports = (await offering).map(({ report }) => report.phases[0]!);
  const { ok = 0, OVERLOADED = 0, ...others } = answersOf(reports);
  const due = reports.reduce((sum, one) => sum + one.due, 0);
  expect(due).toBeGreaterThan(0.9 * factor * perSecond * offeredS);
  // Each of them with Retry-After: what has none is counted under another name.
  expect(others).toEqual({});
  expect(reports.map(({ failures, unsent }) => ({ failures, unsent }))).toEqual(
    reports.map(() => ({ failures: {}, unsent: 0 })),
  );
  expect(ok + OVERLOADED).toBe(due);
  expect(ok).toBeGreaterThan((perSecond * offeredS) / 2);
  expect(OVERLOADED).toBeGreaterThan(0);
  expect(probed).toBeGreaterThan(12);
  for (const { pid } of cluster.nodes) expect(mostResidentMiB(pid)).toBeLessThan(residentMiBMax);
  for (const http of clients.values()) {
    const put = { method: 'PUT', path: '/v1/keyspaces/default/keys/after', body: Buffer.from('x') } as const;
    await eventually(async () => (await http.ask(put)).status === 200, { withinMs: 30_000 });
    for (let n = 0; n < 10; n++) expect((await http.ask(put)).status).toBe(200);
  }
  await sameHash(clients.values(), 'default');
});
