import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Environment } from './environment.js';
import { loadConfiguration } from './load.js';
import { formatProblem } from './problem.js';

const cluster = `name: local
regions:
  east: { nodes: [{ id: east-1, http: '127.0.0.1:1', peer: '127.0.0.1:2' }] }
  west: { nodes: [{ id: west-1, http: '127.0.0.1:3', peer: '127.0.0.1:4' }] }
keyspaces: { default: { home: east } }
`;
const node = `id: east-1
region: east
http: { listen: '127.0.0.1:1' }
peer: { listen: '127.0.0.1:2' }
dataDirectory: data/east
`;

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'meridian-config-'));
  await writeFile(join(directory, 'cluster.yaml'), cluster);
  await writeFile(join(directory, 'east.yaml'), node);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

interface Given {
  readonly file?: string;
  readonly clusterFile?: string;
  readonly environment?: Environment;
  readonly insecure?: boolean;
  readonly start?: string;
}

async function load(given: Given) {
  const { file = node, environment = {}, insecure = false, start = 'east-1' } = given;
  await writeFile(join(directory, 'cluster.yaml'), given.clusterFile ?? cluster);
  await writeFile(join(directory, 'east.yaml'), file);
  return loadConfiguration({
    clusterFile: join(directory, 'cluster.yaml'),
    node: start,
    environment,
    insecure,
  });
}

async function told(given: Given): Promise<string> {
  const loaded = await load(given);
  return loaded.ok ? '' : loaded.problems.map(formatProblem).join('\n').replaceAll(`${directory}/`, '');
}

async function accepted(given: Given) {
  const loaded = await load(given);
  if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join('\n'));
  return loaded.value;
}

describe('a node is told', () => {
  it('what its file says, with defaults for what it leaves out', async () => {
    const { node: config } = await accepted({});
    expect(config).toMatchObject({
      id: 'east-1',
      region: 'east',
      http: { listen: { host: '127.0.0.1', port: 1 } },
      dataDirectory: 'data/east',
      startCompare: 'reachable',
      logLevel: 'info',
      tokens: [],
      adminTokens: [],
    });
  });

  it('what the environment says instead', async () => {
    const { node: config, cluster: told } = await accepted({
      environment: {
        MERIDIAN_DATA_DIRECTORY: '/elsewhere',
        MERIDIAN_HTTP_LISTEN: '127.0.0.1:0',
        MERIDIAN_PEER_LISTEN: '[::1]:7',
        MERIDIAN_HTTP_ADDRESSES: 'east-1=127.0.0.1:11',
        MERIDIAN_PEER_ADDRESSES: 'west-1=localhost:12, east-1=localhost:13',
        MERIDIAN_START_COMPARE: 'all',
        MERIDIAN_LOG_LEVEL: 'warn',
        MERIDIAN_TOKENS: 'aaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbb',
        MERIDIAN_ADMIN_TOKENS: 'cccccccccccccccc',
        MERIDIAN_DATA: 'data',
        PATH: '/bin',
      },
    });
    expect(config).toMatchObject({
      http: { listen: { port: 0 } },
      peer: { listen: { host: '::1', port: 7 } },
      dataDirectory: '/elsewhere',
      startCompare: 'all',
      logLevel: 'warn',
      tokens: ['aaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbb'],
      adminTokens: ['cccccccccccccccc'],
    });
    expect(told.nodes.map(({ http, peer }) => [http.port, peer.port])).toEqual([
      [11, 13],
      [3, 12],
    ]);
    expect(told.regions[1]?.nodes[0]).toEqual(told.nodes[1]);
  });
});

describe('a wrong node file names file, setting and what is allowed', () => {
  const replaced = (from: string, to: string) => ({ file: node.replace(from, to) });
  const cases: readonly [string, Given, string][] = [
    [
      'an unknown setting',
      { file: `${node}portt: 1\n` },
      'east.yaml:6: portt: unknown setting; allowed: id, region',
    ],
    [
      'an unknown log level',
      { file: `${node}logLevel: loud\n` },
      'east.yaml:6: logLevel: must be one of debug, info, warn, error, silent, not "loud"',
    ],
    [
      'another comparison',
      { file: `${node}start: { compare: none }\n` },
      'east.yaml:6: start.compare: must be reachable or all, not "none"',
    ],
    [
      'no address',
      replaced("'127.0.0.1:1'", 'here'),
      'east.yaml:3: http.listen: must be an address, host:port, not "here"',
    ],
    ['one port for both', replaced(':2', ':1'), "east.yaml:4: peer.listen: port 1 is already http.listen's"],
    [
      'an id that the cluster lacks',
      replaced('id: east-1', 'id: east-9'),
      'east.yaml:1: id: east-9 is no node of cluster.yaml; allowed: east-1, west-1',
    ],
    [
      'the id of another node',
      { file: node.replace('id: east-1', 'id: west-1').replace('region: east', 'region: west') },
      'east.yaml: id: is west-1, but the node to start is east-1',
    ],
    [
      'another region than the cluster has',
      replaced('region: east', 'region: west'),
      'east.yaml:2: region: west contradicts cluster.yaml, which has east-1 in east',
    ],
    [
      'TLS between nodes without its key',
      { file: `${node}tls: { ca: a, certificate: b }\n` },
      'east.yaml:6: tls.key: is missing; it must be the path of a PEM file: the key of the certificate',
    ],
    [
      'TLS of HTTP with authorities',
      replaced("listen: '127.0.0.1:1'", "listen: '127.0.0.1:1', tls: { ca: a, certificate: b, key: c }"),
      'east.yaml:3: http.tls.ca: unknown setting; allowed: certificate, key',
    ],
    [
      'TLS of HTTP where the cluster sends apps without',
      replaced("listen: '127.0.0.1:1'", "listen: '127.0.0.1:1', tls: { certificate: b, key: c }"),
      'east.yaml: http.tls: is given, but cluster.yaml has east-1 at 127.0.0.1:1; there it must be https://127.0.0.1:1',
    ],
    [
      'a short token',
      { file: `${node}tokens: [a]\n` },
      'east.yaml:6: tokens[0]: must be a token of 16 to 256 visible ASCII characters',
    ],
    [
      'a node that the cluster lacks',
      { start: 'north' },
      'cluster.yaml: regions: has no node "north"; allowed: east-1, west-1',
    ],
    ['a file that is not there', { start: 'west-1' }, 'west.yaml: there is no such file'],
  ];
  it.each(cases)('%s', async (_, given, message) => {
    expect(await told(given)).toContain(message);
  });
});

it('keeps a wrong token out of its message', async () => {
  expect(await told({ file: `${node}tokens: [secret]\n` })).not.toContain('secret');
  expect(await told({ file: `${node}adminTokens: [secret]\n` })).not.toContain('secret');
  expect(await told({ environment: { MERIDIAN_TOKENS: 'aaaaaaaaaaaaaaaa,secret' } })).not.toContain('secret');
});

describe('a wrong environment names the variable', () => {
  const cases: readonly [string, Environment, string][] = [
    [
      'a misspelt variable',
      { MERIDIAN_HTTP_LISTN: 'x' },
      'environment: MERIDIAN_HTTP_LISTN: unknown variable; allowed: MERIDIAN_DATA_DIRECTORY, ',
    ],
    [
      'no address',
      { MERIDIAN_HTTP_LISTEN: 'x' },
      'environment: MERIDIAN_HTTP_LISTEN: must be host:port, not "x"',
    ],
    [
      'no level',
      { MERIDIAN_LOG_LEVEL: 'x' },
      'environment: MERIDIAN_LOG_LEVEL: "x" is unknown; allowed: debug, info',
    ],
    [
      'no directory',
      { MERIDIAN_DATA_DIRECTORY: '' },
      'environment: MERIDIAN_DATA_DIRECTORY: must be the path',
    ],
    [
      'no comparison',
      { MERIDIAN_START_COMPARE: '' },
      'environment: MERIDIAN_START_COMPARE: "" is unknown; allowed: reachable, all',
    ],
    [
      'no token',
      { MERIDIAN_ADMIN_TOKENS: 'aaaaaaaaaaaaaaaa,short' },
      'environment: MERIDIAN_ADMIN_TOKENS: must be tokens with commas between them; number 2 is not a token of 16',
    ],
    ['no tokens', { MERIDIAN_TOKENS: '' }, 'environment: MERIDIAN_TOKENS: must be tokens'],
    [
      'no pair',
      { MERIDIAN_PEER_ADDRESSES: '127.0.0.1:1' },
      'environment: MERIDIAN_PEER_ADDRESSES: must be node=host:port,… and not "127.0.0.1:1"',
    ],
    [
      'no log',
      { MERIDIAN_LOG: 'kafka' },
      'environment: MERIDIAN_LOG: "kafka" is unknown; allowed: embedded, etcd',
    ],
    [
      'a log on no etcd',
      { MERIDIAN_LOG: 'etcd' },
      'environment: MERIDIAN_LOG: there is no etcd: name it in cluster.yaml, or with MERIDIAN_ETCD_ENDPOINTS',
    ],
    [
      'no endpoints',
      { MERIDIAN_ETCD_ENDPOINTS: '' },
      'environment: MERIDIAN_ETCD_ENDPOINTS: must be http://host:port or https://host:port, with commas between several, not ""',
    ],
    [
      'endpoints of two schemes',
      { MERIDIAN_ETCD_ENDPOINTS: 'http://127.0.0.1:1,https://127.0.0.1:2' },
      'environment: MERIDIAN_ETCD_ENDPOINTS: has http and https; all endpoints are of one scheme',
    ],
    [
      'a lease that is too short',
      { MERIDIAN_ETCD_ENDPOINTS: 'http://127.0.0.1:1', MERIDIAN_ETCD_LEASE_MS: '999' },
      'environment: MERIDIAN_ETCD_LEASE_MS: must be ms, a whole number from 1000 to 60000, not "999"',
    ],
    [
      'a lease of no etcd',
      { MERIDIAN_ETCD_LEASE_MS: '1000' },
      'environment: MERIDIAN_ETCD_LEASE_MS: there is no etcd',
    ],
    [
      'half insecure',
      { MERIDIAN_INSECURE: 'yes' },
      'environment: MERIDIAN_INSECURE: "yes" is unknown; allowed: true, false',
    ],
    [
      'no node',
      { MERIDIAN_PEER_ADDRESSES: 'north=127.0.0.1:1' },
      'environment: MERIDIAN_PEER_ADDRESSES: "north" is no node of cluster.yaml; allowed: east-1, west-1',
    ],
  ];
  it.each(cases)('%s', async (_, environment, message) => {
    expect(await told({ environment })).toContain(message);
  });
});

describe('a node is told of etcd', () => {
  const withEtcd = (endpoints: string, more = '') => ({
    clusterFile: `${cluster}etcd: { endpoints: [${endpoints}] }\n`,
    file: `${node}${more}`,
  });

  it('nothing when there is none', async () => {
    expect((await accepted({})).node.etcd).toBeUndefined();
  });

  it('the endpoints of the cluster unless its own file names others', async () => {
    const plain = await accepted(withEtcd("'http://127.0.0.1:9'"));
    expect(plain.node.etcd).toEqual({ endpoints: ['http://127.0.0.1:9'], tls: undefined, user: undefined });
    const own = "etcd: { endpoints: ['https://near:9'], ca: ca.pem }\n";
    expect((await accepted(withEtcd("'https://far:9'", own))).node.etcd).toMatchObject({
      endpoints: ['https://near:9'],
      tls: { ca: 'ca.pem' },
    });
  });

  it('certificate, user, and the password in the first line of a file', async () => {
    const passwordFile = join(directory, 'password');
    await writeFile(passwordFile, 'open sesame\n');
    const own = `etcd: { ca: a.pem, certificate: b.pem, key: c.pem, user: meridian, passwordFile: ${passwordFile} }\n`;
    expect((await accepted(withEtcd("'https://far:9'", own))).node.etcd).toEqual({
      endpoints: ['https://far:9'],
      tls: { ca: 'a.pem', certificate: 'b.pem', key: 'c.pem' },
      user: { name: 'meridian', password: 'open sesame' },
    });
  });

  it('by the environment: which log, which endpoints, how long a lease', async () => {
    const given = await accepted({
      environment: {
        MERIDIAN_LOG: 'etcd',
        MERIDIAN_ETCD_ENDPOINTS: 'http://127.0.0.1:7, http://127.0.0.1:8',
        MERIDIAN_ETCD_LEASE_MS: '2000',
      },
    });
    const endpoints = ['http://127.0.0.1:7', 'http://127.0.0.1:8'];
    expect(given.cluster.etcd).toEqual({ endpoints, prefix: '/meridian', leaseMs: 2000 });
    expect(given.cluster.keyspaces.map(({ log }) => log)).toEqual(['etcd']);
    expect(given.node.etcd?.endpoints).toEqual(endpoints);
  });

  it('by the environment other endpoints, with what the file says of TLS', async () => {
    const given = await accepted({
      ...withEtcd("'https://far:9'", 'etcd: { ca: a.pem }\n'),
      environment: { MERIDIAN_ETCD_ENDPOINTS: 'https://near:9', MERIDIAN_LOG: 'embedded' },
    });
    expect(given.node.etcd).toMatchObject({ endpoints: ['https://near:9'], tls: { ca: 'a.pem' } });
    expect(given.cluster.keyspaces.map(({ log }) => log)).toEqual(['embedded']);
  });

  const wrong: readonly [string, Given, string][] = [
    [
      'a certificate without its key',
      withEtcd("'https://a:1'", 'etcd: { ca: a, certificate: b }\n'),
      'east.yaml:6: etcd.key: is missing; etcd.certificate is of no use without its key',
    ],
    [
      'a certificate for an etcd that is not checked',
      withEtcd("'https://a:1'", 'etcd: { certificate: b, key: c }\n'),
      'east.yaml:6: etcd.ca: is missing; etcd.certificate is shown to an etcd that etcd.ca has checked',
    ],
    [
      'a user without a password',
      withEtcd("'https://a:1'", 'etcd: { user: u }\n'),
      'east.yaml:6: etcd.passwordFile: is missing; etcd.user has a password',
    ],
    [
      'a password that is not there',
      withEtcd("'https://a:1'", 'etcd: { user: u, passwordFile: /nowhere/at-all }\n'),
      'east.yaml:6: etcd.passwordFile: there is no file /nowhere/at-all',
    ],
    [
      'authorities for an etcd without TLS',
      withEtcd("'http://127.0.0.1:1'", 'etcd: { ca: a }\n'),
      'east.yaml: etcd: ca is for endpoints with https, but http://127.0.0.1:1 is without',
    ],
    [
      'a distant etcd without TLS',
      withEtcd("'http://127.0.0.1:1', 'http://a:1'"),
      'east.yaml: etcd: http://a:1 is spoken to without TLS: anyone on the way can read and change',
    ],
    [
      'a node with etcd in a cluster without',
      { file: `${node}etcd: { ca: a }\n` },
      'east.yaml: etcd: cluster.yaml has no etcd: add etcd.endpoints there, or set MERIDIAN_ETCD_ENDPOINTS',
    ],
  ];
  it.each(wrong)('and not %s', async (_, given, message) => {
    expect(await told(given)).toContain(message);
  });

  it('and keeps its password out of messages', async () => {
    const passwordFile = join(directory, 'password');
    await writeFile(passwordFile, 'sesame');
    expect(
      await told(
        withEtcd("'http://a:1'", `etcd: { ca: a, user: u, passwordFile: ${passwordFile}, key: b }\n`),
      ),
    ).not.toContain('sesame');
  });
});

describe('a listener that other machines can reach', () => {
  const open = { file: node.replace("'127.0.0.1:1'", "'0.0.0.0:1'") };

  it('is refused, with the setting and the way out', async () => {
    const message = await told(open);
    expect(message).toContain('east.yaml: http.listen: 0.0.0.0:1 can be reached from other machines');
    expect(message).toContain('--insecure');
  });

  it('is refused when the environment brings it', async () => {
    expect(await told({ environment: { MERIDIAN_PEER_LISTEN: '[::]:5' } })).toContain(
      'environment: MERIDIAN_PEER_LISTEN: [::]:5 can be reached',
    );
  });

  it('is allowed with TLS on that port', async () => {
    const { clusterFile, file } = {
      clusterFile: cluster.replace("http: '127.0.0.1:1'", "http: 'https://127.0.0.1:1'"),
      file: node
        .replace("listen: '127.0.0.1:1'", "listen: '0.0.0.0:1', tls: { certificate: a, key: b }")
        .replace("listen: '127.0.0.1:2'", "listen: '0.0.0.0:2'"),
    };
    const message = await told({ clusterFile, file });
    expect(message).not.toContain('http.listen');
    expect(message).toContain('east.yaml: peer.listen: 0.0.0.0:2 can be reached from other machines');
    const tls = { ca: 'c', certificate: 'a', key: 'b' };
    const config = await accepted({ clusterFile, file: `${file}tls: ${JSON.stringify(tls)}\n` });
    expect(config.node).toMatchObject({ tls, httpTls: { certificate: 'a', key: 'b' } });
  });

  it('is allowed with MERIDIAN_INSECURE=true', async () => {
    const environment = { MERIDIAN_INSECURE: 'true' };
    expect((await accepted({ ...open, environment })).node.http.listen.host).toBe('0.0.0.0');
    expect(await told({ ...open, environment: { MERIDIAN_INSECURE: 'false' } })).toContain('http.listen');
  });

  it('is allowed with --insecure', async () => {
    expect((await accepted({ ...open, insecure: true })).node.http.listen.host).toBe('0.0.0.0');
  });
});

it('the files of this repository are right', async () => {
  for (const id of ['us-east', 'eu-west', 'ap-south']) {
    const loaded = await loadConfiguration({ node: id, environment: {}, insecure: false });
    expect(loaded).toMatchObject({ ok: true, value: { node: { id, dataDirectory: `data/${id}` } } });
  }
});
