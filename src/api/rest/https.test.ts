import { readFile } from 'node:fs/promises';
import { connect as connectTcp, type AddressInfo, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TestAuthority, type IssuedFiles, type IssuedPem } from '../../../test/support/certificates.js';
import { eventually } from '../../../test/support/eventually.js';
import { HttpHarness } from '../../../test/support/http-harness.js';
import { runCommandLine } from '../../cli/program.js';
import { exchange, openStream } from '../../client/http.js';
import { silentLogger } from '../../runtime/runtime.js';
import { createSystemRuntime } from '../../runtime/system/runtime.js';
import { renewHttps, type HttpsPem } from './https.js';

const { timers } = createSystemRuntime(silentLogger);
const key = '/v1/keyspaces/default/keys/a';

let authority: TestAuthority;
let files: IssuedFiles;
let pem: IssuedPem;
beforeAll(async () => {
  authority = await TestAuthority.create();
  files = await authority.issue('node', 'DNS:node', 'IP:127.0.0.1');
  const { ca, certificate, key } = files;
  pem = { ca: await readFile(ca), certificate: await readFile(certificate), key: await readFile(key) };
});
afterAll(() => authority.remove());

let http: HttpHarness;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await http.stop();
  http.app.server.closeAllConnections();
});

async function serve(https: HttpsPem = pem): Promise<number> {
  http = await HttpHarness.start({ https });
  await http.app.listen({ port: 0, host: '127.0.0.1' });
  return (http.app.server.address() as AddressInfo).port;
}

function ask(port: number, ca?: Buffer, method: 'GET' | 'PUT' = 'GET') {
  const question = { method, path: key, timeoutMs: 10_000 };
  const body = method === 'PUT' ? { body: Buffer.from('x') } : {};
  return exchange({ url: `https://127.0.0.1:${port}`, ca }, { ...question, ...body }, timers);
}

describe('a node with a certificate', () => {
  it('answers who trusts its authority, reads and writes alike', async () => {
    const port = await serve();
    expect(await ask(port, pem.ca, 'PUT')).toMatchObject({ kind: 'answer' });
    expect(await ask(port, pem.ca)).toMatchObject({ kind: 'answer', status: 200 });
  });

  it('is not asked by who does not, and the request has not left', async () => {
    const port = await serve();
    expect(await ask(port)).toEqual({
      kind: 'unreachable',
      message: expect.stringContaining('--ca or NODE_EXTRA_CA_CERTS names the authority to trust') as string,
    });
    const opened = await openStream(
      { url: `https://127.0.0.1:${port}` },
      { path: key },
      new AbortController().signal,
    );
    expect(opened.kind).toBe('unreachable');
    expect(http.node.default.transacted).toEqual([]);
  });

  it('is not taken for another host', async () => {
    const port = await serve(await authority.issuePem('other', 'DNS:other'));
    expect(await ask(port, pem.ca)).toMatchObject({ kind: 'unreachable' });
  });

  it('gives no answer in plain text', async () => {
    const port = await serve();
    const question = { method: 'GET', path: '/livez', timeoutMs: 10_000 } as const;
    expect(await exchange({ url: `http://127.0.0.1:${port}` }, question, timers)).toMatchObject({
      kind: 'no-answer',
    });
  });

  it('shows a new one to connections that come after it, and keeps the old one when the new is of no use', async () => {
    const port = await serve();
    const next = await TestAuthority.create();
    try {
      const renewed = await next.issuePem('node', 'IP:127.0.0.1');
      expect(() => renewHttps(http.app.server, { ...renewed, key: pem.key })).toThrow('key values mismatch');
      expect((await ask(port, pem.ca)).kind).toBe('problem');
      renewHttps(http.app.server, renewed);
      expect((await ask(port, renewed.ca)).kind).toBe('problem');
    } finally {
      await next.remove();
    }
  });

  it('counts connections that are secure, and bounds those that never become so', async () => {
    const port = await serve();
    expect(http.app.server.maxConnections).toBeGreaterThan(0);
    http.app.server.maxConnections = 3;
    let open = 0;
    for (let i = 0; i < 4; i++) {
      const socket = connectTcp(port, '127.0.0.1');
      sockets.push(socket);
      socket.on('error', () => {});
      open += 1;
      socket.on('close', () => (open -= 1));
    }
    await eventually(() => open === 3);
  });
});

it('a command asks it with --ca', async () => {
  const port = await serve();
  const said: string[] = [];
  const command = async (...args: string[]) => {
    const terminal = {
      out: async (bytes: Uint8Array | string) => void said.push(Buffer.from(bytes as Uint8Array).toString()),
      say: (line: string) => void said.push(line),
      unread: false,
      interactive: false,
      ask: () => Promise.resolve(undefined),
      paint: (_: unknown, text: string) => text,
    };
    const runtime = createSystemRuntime(silentLogger);
    const context = { terminal, environment: {}, runtime, untilStopped: () => new Promise<never>(() => {}) };
    const url = `https://127.0.0.1:${port}`;
    return runCommandLine(['put', 'default', 'a', 'x', '--url', url, ...args], context, '1.2.3');
  };
  expect(await command()).toBe(5);
  expect(said.join()).toContain('--ca');
  expect(await command('--ca', '/nowhere/ca.pem')).toBe(2);
  expect(await command('--ca', files.ca)).toBe(0);
  expect(http.node.default.transacted).toHaveLength(1);
});
