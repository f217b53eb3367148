import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  TestConfiguration,
  nodeText as node,
  type GivenFiles as Given,
} from '../../../test/support/test-configuration.js';
import type { Environment } from './environment.js';
import { loadConfiguration } from './load.js';

let files: TestConfiguration;
beforeEach(async () => {
  files = await TestConfiguration.create();
});
afterEach(() => files.remove());

const told = (given: Given) => files.told(given);
const accepted = (given: Given) => files.accepted(given);

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

it('the files of this repository are right', async () => {
  for (const id of ['us-east', 'eu-west', 'ap-south']) {
    const loaded = await loadConfiguration({ node: id, environment: {}, insecure: false });
    expect(loaded).toMatchObject({ ok: true, value: { node: { id, dataDirectory: `data/${id}` } } });
  }
});
