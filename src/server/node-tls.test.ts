import { copyFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestAuthority, type IssuedFiles } from '../../test/support/certificates.js';
import { eventually } from '../../test/support/eventually.js';
import { ManualTime } from '../../test/support/manual-time.js';
import { nodeId, regionId } from '../model/ids.js';
import { silentLogger, type LogFields } from '../runtime/runtime.js';
import type { NodeConfig } from './config/config.js';
import { openNodeTls } from './node-tls.js';
import { PemFiles } from './pem-files.js';

let authority: TestAuthority;
let east: IssuedFiles;
let west: IssuedFiles;
beforeAll(async () => {
  authority = await TestAuthority.create();
  east = await authority.issue('east', 'DNS:east');
  west = await authority.issue('west', 'DNS:west');
});
afterAll(() => authority.remove());

const node = (given: Partial<NodeConfig>): NodeConfig => ({
  file: 'east.yaml',
  id: nodeId('east'),
  region: regionId('east'),
  http: { listen: { host: '127.0.0.1', port: 1 } },
  peer: { listen: { host: '127.0.0.1', port: 2 } },
  dataDirectory: 'data',
  startCompare: 'reachable',
  logLevel: 'info',
  tokens: [],
  adminTokens: [],
  tls: undefined,
  httpTls: undefined,
  etcd: undefined,
  ...given,
});

it('a node without certificates has no TLS', async () => {
  expect(await openNodeTls(node({}))).toMatchObject({ peer: undefined, https: undefined });
});

it('names the setting and the file that is missing', async () => {
  await expect(openNodeTls(node({ tls: { ...east, key: '/nowhere/east.key' } }))).rejects.toThrow(
    'east.yaml: tls.key: there is no file /nowhere/east.key',
  );
  await expect(
    openNodeTls(node({ httpTls: { certificate: '/nowhere/east.pem', key: east.key } })),
  ).rejects.toThrow('east.yaml: http.tls.certificate: there is no file /nowhere/east.pem');
});

it('says why what is in the files is of no use', async () => {
  await expect(openNodeTls(node({ tls: west }))).rejects.toThrow(
    'east.yaml: tls: the PEM files are of no use: the certificate is of DNS:west; the one of node east has the DNS name east',
  );
  await expect(openNodeTls(node({ tls: { ...east, key: west.key } }))).rejects.toThrow(
    /^east.yaml: tls: .*mismatch/,
  );
  await expect(openNodeTls(node({ httpTls: { ...east, key: west.key } }))).rejects.toThrow(
    /^east.yaml: http.tls: .*mismatch/,
  );
});

it('looks at the files every minute, takes what is new and of use, and says what is not', async () => {
  const path = (name: string): string => join(authority.directory, `renewed.${name}`);
  await copyFile(west.certificate, path('pem'));
  const files = await PemFiles.read(
    { file: 'east.yaml', setting: 'tls' },
    { certificate: path('pem') },
    () => {},
  );
  const first = files.pem;
  const time = new ManualTime();
  const said: string[] = [];
  const log = (_fields: LogFields, message: string): void => void said.push(message);
  const logger = { ...silentLogger, info: log, warn: log };
  let wanted = false;
  const used: Buffer[] = [];
  const cancel = files.watch({ timers: time.timers, logger }, ({ certificate }) => {
    if (!wanted) throw new Error('of no use');
    used.push(certificate);
  });
  const look = async (message: string): Promise<void> => {
    time.advance(60_000);
    await eventually(() => said.at(-1) === message);
    said.length = 0;
  };
  await rm(path('pem'));
  await look('the certificates are not renewed');
  await writeFile(path('pem'), 'another');
  await look('the certificates are not renewed');
  expect([files.pem, used]).toEqual([first, []]);
  wanted = true;
  await look('new certificates are in use');
  expect(used.map(String)).toEqual(['another']);
  expect(await files.renew(() => expect.unreachable('nothing is new'))).toBe(false);
  cancel();
});
