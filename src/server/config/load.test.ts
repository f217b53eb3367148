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
  readonly environment?: Environment;
  readonly insecure?: boolean;
  readonly start?: string;
}

async function load({ file = node, environment = {}, insecure = false, start = 'east-1' }: Given) {
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
      'TLS',
      { file: `${node}tls: { cert: a }\n` },
      'east.yaml:6: tls: must be left out: TLS is not available in this version',
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
      'no node',
      { MERIDIAN_PEER_ADDRESSES: 'north=127.0.0.1:1' },
      'environment: MERIDIAN_PEER_ADDRESSES: "north" is no node of cluster.yaml; allowed: east-1, west-1',
    ],
  ];
  it.each(cases)('%s', async (_, environment, message) => {
    expect(await told({ environment })).toContain(message);
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
