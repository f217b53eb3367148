import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSystemRuntime } from '../runtime/system/runtime.js';
import { silentLogger } from '../runtime/runtime.js';
import { runCommandLine } from './program.js';

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

let server: Server;
let url: string;
let seen: Seen[];
let answer: (request: Seen, response: ServerResponse) => void;

beforeEach(async () => {
  seen = [];
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method, headers } = request;
      seen.push({ method, url: request.url, headers, body: Buffer.concat(chunks) });
      answer(seen.at(-1)!, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

interface Ran {
  readonly code: number;
  readonly out: Buffer;
  readonly err: string;
}

async function run(
  args: readonly string[],
  more: { interactive?: boolean; url?: string; environment?: Readonly<Record<string, string>> } = {},
): Promise<Ran> {
  const out: Buffer[] = [];
  const err: string[] = [];
  const code = await runCommandLine(
    args,
    {
      terminal: {
        out: async (bytes) => void out.push(Buffer.from(bytes as Uint8Array)),
        say: (line) => void err.push(line),
        unread: false,
        interactive: more.interactive ?? false,
        ask: () => Promise.resolve(undefined),
        paint: (_, text) => text,
      },
      environment: { MERIDIAN_URL: more.url ?? url, ...more.environment },
      runtime: createSystemRuntime(silentLogger),
      untilStopped: () => new Promise(() => {}),
    },
    '1.2.3',
  );
  return { code, out: Buffer.concat(out), err: err.join('\n') };
}

const json = (response: ServerResponse, body: object) =>
  response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
const problem = (status: number, body: object) => (_: Seen, response: ServerResponse) => {
  response.writeHead(status, { 'content-type': 'application/problem+json' }).end(JSON.stringify(body));
};

describe('get', () => {
  const value = Buffer.from([0, 255, 10, 0xc3]);

  it('writes the bytes of the value and nothing else', async () => {
    answer = (_, response) => response.end(value);
    const ran = await run(['get', 'default', 'a/b ü?']);
    expect(ran).toEqual({ code: 0, out: value, err: '' });
    expect(seen[0]).toMatchObject({ method: 'GET', url: '/v1/keyspaces/default/keys/a%2Fb%20%C3%BC%3F' });
  });

  it('ends the line on a terminal', async () => {
    answer = (_, response) => response.end('v');
    expect(String((await run(['get', 'default', 'k'], { interactive: true })).out)).toBe('v\n');
  });

  it('asks for a causal read, a causality token and with a bearer token', async () => {
    answer = (_, response) => response.end('v');
    await run(['get', 'default', 'k', '--causal', '--after', 'uuid:7', '--token', 'secret']);
    expect(seen[0]?.url).toBe('/v1/keyspaces/default/keys/k?causal=true');
    expect(seen[0]?.headers).toMatchObject({
      'meridian-causality': 'uuid:7',
      authorization: 'Bearer secret',
    });
  });

  it('exits with 4 and the code when the key is absent', async () => {
    answer = problem(404, { code: 'KEY_NOT_FOUND', detail: 'no such key', outcome: 'not-committed' });
    expect(await run(['get', 'default', 'k'])).toMatchObject({ code: 4, err: 'KEY_NOT_FOUND: no such key' });
  });

  it('exits with 5 when no node listens', async () => {
    server.close();
    const ran = await run(['get', 'default', 'k']);
    expect(ran.code).toBe(5);
    expect(ran.err).toContain(`no node can be reached at ${url}`);
  });

  it('refuses keys that a URL cannot carry', async () => {
    expect(await run(['get', 'default', '..'])).toMatchObject({ code: 2 });
    expect(seen).toEqual([]);
  });
});

describe('put', () => {
  it('sends the value with its type and prints the GTID', async () => {
    answer = (_, response) => json(response, { transactionId: 't', gtid: 'uuid:12', version: 12 });
    const id = '01890a5d-ac96-774b-bcce-b302099a8057';
    const ran = await run([
      ...['put', 'eu', 'k', 'wörld', '--ttl', '60', '--content-type', 'text/html', '--idempotency-key', id],
    ]);
    expect(ran).toEqual({ code: 0, out: Buffer.from('uuid:12\n'), err: '' });
    expect(seen[0]).toMatchObject({
      method: 'PUT',
      url: '/v1/keyspaces/eu/keys/k?ttl=60',
      headers: { 'content-type': 'text/html', 'idempotency-key': id },
      body: Buffer.from('wörld'),
    });
  });

  it('exits with 3 on a conflict and names key, winner and outcome', async () => {
    answer = problem(409, {
      code: 'CERTIFICATION_CONFLICT',
      detail: 'came second',
      outcome: 'not-committed',
      retry: 'new-snapshot',
      conflict: { key: 'k', gtid: 'uuid:9' },
    });
    expect(await run(['put', 'default', 'k', 'v'])).toMatchObject({
      code: 3,
      err:
        'CERTIFICATION_CONFLICT: came second\nConflict: key "k" was written by uuid:9\n' +
        'Outcome: not-committed. Read again and retry.',
    });
  });

  it('exits with 6 when the outcome is unknown, however that came', async () => {
    answer = problem(504, { code: 'COMMIT_OUTCOME_UNKNOWN', detail: 'late', outcome: 'unknown' });
    expect((await run(['put', 'default', 'k', 'v'])).code).toBe(6);
    answer = (_, response) => response.destroy();
    const broken = await run(['put', 'default', 'k', 'v']);
    expect(broken.code).toBe(6);
    expect(broken.err).toContain('Outcome: unknown');
    answer = (_, response) => response.writeHead(502).end('a proxy says no');
    expect((await run(['put', 'default', 'k', 'v'])).code).toBe(6);
  });

  it('exits with 5 when the write was refused for now', async () => {
    answer = problem(503, { code: 'OVERLOADED', detail: 'full', outcome: 'not-committed' });
    expect((await run(['put', 'default', 'k', 'v'])).code).toBe(5);
  });
});

describe('status', () => {
  const cluster = {
    cluster: 'm',
    node: 'a',
    nodes: [{ node: 'a', region: 'r', reachable: true, keyspaces: [] }],
  };
  const keyspaces = {
    keyspaces: [{ name: 'default', home: 'r', epoch: 1, sequencer: 'a', applied: 5, tail: 5 }],
  };
  beforeEach(() => {
    answer = (_, response) => json(response, { ...cluster, ...keyspaces });
  });

  it('is JSON on demand', async () => {
    const ran = await run(['status', '-o', 'json']);
    expect(JSON.parse(String(ran.out))).toEqual({ ...cluster, ...keyspaces });
  });

  it('is a table by default', async () => {
    const ran = await run(['status']);
    expect(ran.code).toBe(0);
    expect(String(ran.out)).toContain('│ default');
  });

  it('exits with 5 when nobody answers', async () => {
    server.close();
    expect(await run(['status'])).toMatchObject({ code: 5, out: Buffer.alloc(0) });
  });

  it('refuses another format', async () => {
    const ran = await run(['status', '-o', 'xml']);
    expect(ran.code).toBe(2);
    expect(ran.err).toContain('Allowed choices are table, json');
  });
});

describe('start and init', () => {
  it('say what is wrong with the configuration, in one paragraph', async () => {
    const ran = await run(['start', '--node', 'north']);
    expect(ran).toMatchObject({
      code: 1,
      err:
        'The configuration is wrong:\n' +
        '  regions/cluster.yaml: regions: has no node "north"; allowed: us-east, eu-west, ap-south',
    });
  });

  it('init works for a node that other machines can reach, since it listens nowhere', async () => {
    const data = await mkdtemp(join(tmpdir(), 'meridian-init-'));
    const environment = { MERIDIAN_DATA_DIRECTORY: data, MERIDIAN_HTTP_LISTEN: '0.0.0.0:8102' };
    const ran = await run(['init', '--node', 'eu-west'], { environment });
    await rm(data, { recursive: true });
    expect(ran.err).toBe('');
    expect(ran.code).toBe(0);
  });

  it('init fails over what has begun already, unless that is said to be no error', async () => {
    const data = await mkdtemp(join(tmpdir(), 'meridian-init-'));
    const environment = { MERIDIAN_DATA_DIRECTORY: data };
    const ran = [];
    for (const more of [[], [], ['--unless-begun']])
      ran.push(await run(['init', '--node', 'eu-west', ...more], { environment }));
    await rm(data, { recursive: true });
    expect(ran.map(({ code }) => code)).toEqual([0, 1, 0]);
    expect(String(ran[2]!.out)).toContain('has the history');
  });

  it('want the name of the node', async () => {
    expect((await run(['init'])).code).toBe(2);
  });
});

it('exits with 2 on a command that it does not know', async () => {
  const ran = await run(['stat']);
  expect(ran.code).toBe(2);
  expect(ran.err).toContain("unknown command 'stat'");
});

it('refuses a URL that is none', async () => {
  expect(await run(['get', 'default', 'k', '--url', 'nonsense'])).toMatchObject({ code: 2 });
});
