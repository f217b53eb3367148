import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../test/support/eventually.js';
import { HttpHarness, type HttpAnswer } from '../../../test/support/http-harness.js';
import { limits } from '../../model/limits.js';
import type { Clock } from '../../runtime/runtime.js';
import { systemClock } from '../../runtime/system/clock.js';
import type { AdmissionOptions } from './admission.js';

let http: HttpHarness;
let registry: Registry;
let release: () => void;
let sockets: Socket[];
let gate: Promise<void>;
/** How far the server's clock is ahead. */
let laterMs: number;

function hold(): void {
  gate = new Promise<void>((resolve) => (release = resolve));
}

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  release();
  await http.stop();
});

/** A server whose writes wait until they are released. */
async function start(bounds: Partial<AdmissionOptions['bounds']>): Promise<void> {
  registry = new Registry();
  sockets = [];
  laterMs = 0;
  const clock: Clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + laterMs };
  http = await HttpHarness.start({ registry, clock, admission: { bounds: { ...limits, ...bounds } } });
  hold();
  const service = http.node.default;
  const transact = service.transact.bind(service);
  service.transact = async (request) => {
    await gate;
    return transact(request);
  };
}

const key = '/v1/keyspaces/default/keys/a';
const write = (headers: Record<string, string> = {}, body = 'x'): Promise<HttpAnswer> =>
  http.sendRaw('PUT', key, Buffer.from(body), { 'content-length': String(body.length), ...headers });
const read = (path: string): Promise<HttpAnswer> => http.sendRaw('GET', path);

async function gauge(name: string): Promise<number> {
  const metric = await registry.getSingleMetric(`meridian_http_${name}`)!.get();
  return metric.values.reduce((sum, { value }) => sum + value, 0);
}

async function underWay(count: number): Promise<void> {
  await eventually(async () => expect(await gauge('requests_under_way')).toBe(count));
}

/** A connection that says nothing. */
async function open(): Promise<Socket> {
  if (!http.app.server.listening) await http.app.listen({ host: '127.0.0.1', port: 0 });
  const socket = connect((http.app.server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => {});
  sockets.push(socket);
  const before = await gauge('connections');
  await once(socket, 'connect');
  await eventually(async () =>
    expect(await gauge('connections')).toBeGreaterThanOrEqual(Math.min(before + 1, 3)),
  );
  return socket;
}

describe('requests under way', () => {
  it('have a bound: one more is refused before it is taken, until one has ended', async () => {
    await start({ httpRequestsMax: 2 });
    const taken = [write(), write()];
    await underWay(2);
    const refused = await write();
    expect(refused.status).toBe(503);
    expect(refused.json()).toMatchObject({
      code: 'OVERLOADED',
      outcome: 'not-committed',
      retry: 'after-delay',
    });
    expect(refused.headers).toMatchObject({ 'retry-after': '1', 'content-type': 'application/problem+json' });
    expect(await gauge('refused_total')).toBe(1);
    release();
    expect((await Promise.all(taken)).map(({ status }) => status)).toEqual([200, 200]);
    expect(http.node.default.transacted).toHaveLength(2);
    await underWay(0);
    expect((await write()).status).toBe(200);
  });

  it('are refused with an unknown outcome when they name an id, which may have committed before', async () => {
    await start({ httpRequestsMax: 1 });
    const taken = write();
    await underWay(1);
    const id = '01890a5d-ac96-774b-bcce-b302099a8057';
    const again = await write({ 'idempotency-key': id });
    expect(again.json()).toMatchObject({ code: 'OVERLOADED', outcome: 'unknown', retry: 'same-id' });
    const asked = await read(`/v1/keyspaces/default/transactions/${id}`);
    expect(asked.json()).toMatchObject({ code: 'OVERLOADED', outcome: 'unknown' });
    release();
    await taken;
  });

  it('leave probes, metrics and status answerable, and local reads, which take nothing', async () => {
    await start({ httpRequestsMax: 1 });
    release();
    await write();
    await underWay(0);
    hold();
    const taken = write();
    await underWay(1);
    expect((await read('/v1/keyspaces/default/keys?prefix=a')).status).toBe(503);
    for (const path of ['/livez', '/readyz?for=write', '/metrics', '/v1/cluster', '/v1/keyspaces', key])
      expect([path, (await read(path)).status]).toEqual([path, 200]);
    release();
    await taken;
  });

  it('whose client has gone hold no place', async () => {
    await start({ httpRequestsMax: 1 });
    const socket = await open();
    socket.write(`PUT ${key} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx`);
    await underWay(1);
    socket.destroy();
    await underWay(0);
  });

  it('that were pipelined behind another hold no place either when their client has gone', async () => {
    await start({});
    const socket = await open();
    socket.write(`PUT ${key} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx`.repeat(3));
    socket.write(`GET /v1/keyspaces/default/changes HTTP/1.1\r\nHost: a\r\n\r\n`);
    await underWay(3);
    await eventually(() => http.node.default.feeds.length === 1);
    socket.destroy();
    await underWay(0);
    await eventually(() => http.node.default.feeds.every(({ closed }) => closed));
    release();
    expect((await write()).status).toBe(200);
    await underWay(0);
  });

  it('have a bound whatever the key is called', async () => {
    await start({ httpRequestsMax: 1 });
    const taken = http.sendRaw('PUT', `${key}/changes`, Buffer.from('x'), { 'content-length': '1' });
    await underWay(1);
    expect((await write()).status).toBe(503);
    release();
    expect((await taken).status).toBe(200);
  });

  it('have a bound in bytes, as announced; what would be refused as too large counts as much as is taken', async () => {
    await start({ httpBodiesBytesMax: 1000 });
    const taken = write({}, 'x'.repeat(600));
    await underWay(1);
    expect((await write({}, 'x'.repeat(401))).json()).toMatchObject({ code: 'OVERLOADED' });
    const fits = write({}, 'x'.repeat(400));
    await underWay(2);
    release();
    expect((await Promise.all([taken, fits])).map(({ status }) => status)).toEqual([200, 200]);
  });
});

describe('while commits wait too long for their outcome', () => {
  it('what begins another is refused; transactions that are open, reads and other keyspaces go on', async () => {
    await start({});
    release();
    const service = http.node.default;
    Object.assign(service, { shedsCommits: true });
    const post = async (path: string, keyspace = 'default'): Promise<HttpAnswer> =>
      http.sendRaw('POST', `/v1/keyspaces/${keyspace}/${path}`, Buffer.from('{}'), {
        'content-type': 'application/json',
        'content-length': '2',
      });
    for (const refused of [await write(), await post('transact'), await post('transactions')])
      expect(refused.json()).toMatchObject({ code: 'OVERLOADED', outcome: 'not-committed' });
    expect(service.transacted).toEqual([]);
    expect((await post('transactions', 'eu')).status).toBe(201);
    expect((await read(key)).status).toBe(404);
    Object.assign(service, { shedsCommits: false });
    const { transactionId } = (await post('transactions')).json() as { transactionId: string };
    Object.assign(service, { shedsCommits: true });
    const committed = await http.sendRaw(
      'POST',
      `/v1/keyspaces/default/transactions/${transactionId}/commit`,
    );
    expect(committed.status).toBe(200);
  });
});

describe('while writes wait too long on this node', () => {
  it('one more is refused, of this keyspace and where there is a sequencer, until the late ones have ended', async () => {
    await start({});
    await http.app.listen({ host: '127.0.0.1', port: 0 });
    const taken = Array.from({ length: limits.writesMin }, () => write());
    await underWay(limits.writesMin);
    const next = write();
    await underWay(limits.writesMin + 1);
    laterMs = limits.writeWaitMsMax + 1000;
    expect((await write()).json()).toMatchObject({ code: 'OVERLOADED', outcome: 'not-committed' });
    expect((await read('/v1/keyspaces/default/keys?prefix=b')).status).toBe(200);
    const other = await http.sendRaw('PUT', '/v1/keyspaces/eu/keys/a', Buffer.from('x'), {
      'content-length': '1',
    });
    expect(other.status).toBe(200);
    const { status } = http.node.default;
    http.node.default.status = () => ({ ...status.call(http.node.default), writable: false });
    const told = write();
    await underWay(limits.writesMin + 2);
    http.node.default.status = status;
    expect((await write()).status).toBe(503);
    release();
    for (const { status: answered } of await Promise.all([...taken, next, told])) expect(answered).toBe(200);
    expect((await write()).status).toBe(200);
  });
});

describe('probes', () => {
  it('have a bound of their own', async () => {
    await start({ httpProbesMax: 0 });
    expect((await read('/livez')).json()).toMatchObject({ code: 'OVERLOADED' });
    release();
    expect((await write()).status).toBe(200);
  });
});

describe('connections', () => {
  it('too many are refused at their first request and closed; probes are answered on them', async () => {
    await start({ httpConnectionsMax: 2 });
    release();
    await open();
    await open();
    const refused = await write();
    expect(refused.json()).toMatchObject({ code: 'OVERLOADED', outcome: 'not-committed' });
    expect(refused.headers).toMatchObject({ connection: 'close', 'retry-after': '1' });
    const probe = await read('/livez');
    expect([probe.status, probe.headers['connection']]).toEqual([200, 'close']);
    sockets[0]!.destroy();
    await eventually(async () => expect(await gauge('connections')).toBe(1));
    expect((await write()).status).toBe(200);
  });

  it('beyond these do not keep a probe out: the oldest silent one makes room', async () => {
    await start({ httpConnectionsMax: 1, httpConnectionsSpare: 2 });
    await open();
    const oldest = await open();
    await open();
    const closed = once(oldest, 'close');
    expect((await read('/livez')).status).toBe(200);
    await closed;
  });
});
