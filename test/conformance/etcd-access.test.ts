import { afterAll, expect, it } from 'vitest';
import type { EtcdKv } from '../../src/ordering/etcd/etcd-kv.js';
import { createGrpcEtcdKv, type GrpcEtcdKvOptions } from '../../src/ordering/etcd/grpc-etcd-kv.js';
import { silentLogger } from '../../src/runtime/runtime.js';
import { createSystemRuntime } from '../../src/runtime/system/runtime.js';
import { TestAuthority, type IssuedPem } from '../support/certificates.js';
import { EtcdKeyspace } from '../support/etcd-logs.js';
import { eventually } from '../support/eventually.js';
import { RealEtcd } from '../support/real-etcd.js';
import { appendNext, beginning, chainAt, led, nonceA, nonceB, positions } from './ordered-log.js';

const cleanups: (() => void | Promise<void>)[] = [];
afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

type Access = Partial<Pick<GrpcEtcdKvOptions, 'tls' | 'user'>>;

function clientOf(etcd: RealEtcd, access: Access): EtcdKv {
  const kv = createGrpcEtcdKv({
    endpoints: etcd.endpoints,
    tls: undefined,
    user: undefined,
    runtime: createSystemRuntime(silentLogger),
    ...access,
  });
  cleanups.push(() => kv.close());
  return kv;
}

async function started(args: readonly string[], scheme: 'http' | 'https'): Promise<RealEtcd> {
  const etcd = await RealEtcd.start({ args, scheme });
  cleanups.push(() => etcd.stop());
  return etcd;
}

const somewhere = { key: Buffer.from('/elsewhere') };
const meridian = { name: 'meridian', password: 'a long secret' };

/** As in the guide: one user whose role may read and write what is under a prefix. */
async function enableUsers(etcd: RealEtcd, prefix: string): Promise<void> {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const auth = (path: string, body: object): Promise<unknown> => etcd.control(0, `/v3/auth/${path}`, body);
  await auth('role/add', { name: 'root' });
  await auth('user/add', { name: 'root', password: 'root' });
  await auth('user/grant', { user: 'root', role: 'root' });
  await auth('role/add', { name: 'meridian' });
  const perm = { permType: 'READWRITE', key: base64(prefix), range_end: base64(`${prefix.slice(0, -1)}0`) };
  await auth('role/grant', { name: 'meridian', perm });
  await auth('user/add', meridian);
  await auth('user/grant', { user: meridian.name, role: 'meridian' });
  await auth('enable', {});
}

it('proves itself by user and password, again when etcd has forgotten its token', async () => {
  const etcd = await started([], 'http');
  const early = clientOf(etcd, { user: meridian });
  await etcd.ready(early);
  await enableUsers(etcd, '/conformance/');

  const nobody = clientOf(etcd, {});
  const wrong = clientOf(etcd, { user: { ...meridian, password: 'a guess' } });
  await expect(nobody.range(somewhere)).rejects.toMatchObject({ problem: 'refused' });
  await expect(wrong.range(somewhere)).rejects.toMatchObject({
    problem: 'refused',
    message: expect.stringContaining('invalid user ID or password'),
  });

  const keyspace = new EtcdKeyspace(clientOf(etcd, { user: meridian }));
  await expect(keyspace.kv.range(somewhere)).rejects.toMatchObject({
    problem: 'refused',
    message: expect.stringContaining('permission denied'),
  });
  await keyspace.begin(beginning);
  const log = keyspace.log('a');
  const fence = await led(log, nonceA);
  const chain = await chainAt(log, nonceA);
  expect(await appendNext(log, fence, chain)).toBe('durable');

  // Its tokens are in its memory alone.
  await etcd.kill(0);
  etcd.startMember(0);
  expect(await appendNext(log, fence, chain)).toBe('durable');
  await log.resign(fence);
  expect(await positions(keyspace.log('b', early))).toEqual([0, 1, 2]);
  expect(await keyspace.kv.range({ key: keyspace.keys.leader })).toEqual([]);
  await keyspace.close();
});

it('proves itself anew to an etcd that was set back, which would wait for ever for what its token tells of', async () => {
  const etcd = await started([], 'http');
  const kv = clientOf(etcd, { user: meridian });
  await etcd.ready(kv);
  await enableUsers(etcd, '/');
  await kv.range(somewhere);
  await etcd.lose(0);
  etcd.startMember(0);
  await etcd.ready(kv);
  expect(await kv.range(somewhere)).toEqual([]);
});

it('says what is wrong when a user may do nothing, and does not try for ever', async () => {
  const etcd = await started([], 'http');
  const kv = clientOf(etcd, {});
  await etcd.ready(kv);
  const keyspace = new EtcdKeyspace(kv);
  await keyspace.begin(beginning);
  const log = keyspace.log('a');
  const fence = await led(log, nonceA);
  const chain = await chainAt(log, nonceA);
  await enableUsers(etcd, '/conformance/');
  await expect(appendNext(log, fence, chain)).rejects.toMatchObject({ problem: 'refused' });
  await expect(log.tail()).rejects.toMatchObject({ problem: 'refused' });
  expect(await log.lead(nonceB)).toEqual({ notNow: expect.stringContaining('user name is empty') });
  await keyspace.close();
});

it('checks etcd by its certificate, and shows its own', async () => {
  const authority = await TestAuthority.create();
  cleanups.push(() => authority.remove());
  const server = await authority.issue('etcd', 'IP:127.0.0.1');
  const node: IssuedPem = await authority.issuePem('node', 'DNS:node');
  const stranger = await TestAuthority.create();
  cleanups.push(() => stranger.remove());
  const { ca: otherCa, ...otherPair } = await stranger.issuePem('node', 'DNS:node');
  const etcd = await started(
    [
      `--cert-file=${server.certificate}`,
      `--key-file=${server.key}`,
      `--trusted-ca-file=${authority.ca}`,
      '--client-cert-auth',
    ],
    'https',
  );
  const kv = clientOf(etcd, { tls: node });
  await etcd.ready(kv);
  const keyspace = new EtcdKeyspace(kv);
  await keyspace.begin(beginning);
  const log = keyspace.log('a');
  const fence = await led(log, nonceA);
  expect(await appendNext(log, fence, await chainAt(log, nonceA))).toBe('durable');

  const refused: Access[] = [
    { tls: { ...node, ca: otherCa } },
    { tls: { ca: node.ca } },
    { tls: { ca: node.ca, ...otherPair } },
    {},
  ];
  for (const access of refused)
    await expect(clientOf(etcd, access).range(somewhere)).rejects.toMatchObject({ problem: 'unknown' });
  await eventually(async () => expect(await positions(log)).toEqual([0, 1]));
  await keyspace.close();
});
