import { describe, expect, it } from 'vitest';
import { regionId } from '../../model/ids.js';
import { parseClusterFile } from './cluster-file.js';
import { roundTripMs } from './config.js';
import { formatProblem } from './problem.js';

const right = `name: local
regions:
  east:
    nodes:
      - { id: east-1, http: '127.0.0.1:1', peer: '127.0.0.1:2' }
      - { id: east-2, http: '127.0.0.1:3', peer: '127.0.0.1:4' }
  west:
    nodes:
      - { id: west-1, http: '127.0.0.1:5', peer: '[::1]:6' }
keyspaces:
  default: { home: east }
  second: { home: east, node: east-2, log: embedded }
wan:
  roundTripMs:
    east: { west: 80 }
`;

/** What is said of the right file with `from` replaced by `to`. */
function told(from: string | RegExp, to: string): string[] {
  const text = right.replace(from, to);
  if (text === right) throw new Error('the replacement changed nothing');
  const parsed = parseClusterFile('cluster.yaml', text);
  return parsed.ok ? [] : parsed.problems.map(formatProblem);
}

describe('a right cluster file', () => {
  const parsed = parseClusterFile('cluster.yaml', right);
  if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join('\n'));
  const cluster = parsed.value;

  it('gives regions, nodes and keyspaces in their order', () => {
    expect(cluster.regions.map(({ id }) => id)).toEqual(['east', 'west']);
    expect(cluster.nodes.map(({ id }) => id)).toEqual(['east-1', 'east-2', 'west-1']);
    expect(cluster.nodes[2]?.peer).toEqual({ host: '::1', port: 6 });
    expect(cluster.keyspaces.map(({ name }) => name)).toEqual(['default', 'second']);
  });

  it('homes a keyspace at the first node of its region unless the file names one', () => {
    expect(cluster.keyspaces.map(({ node, log }) => [node, log])).toEqual([
      ['east-1', 'embedded'],
      ['east-2', 'embedded'],
    ]);
  });

  it('has round trips both ways, and none within a region', () => {
    expect(roundTripMs(cluster, regionId('west'), regionId('east'))).toBe(80);
    expect(roundTripMs(cluster, regionId('east'), regionId('east'))).toBe(0);
  });
});

describe('etcd in a cluster file', () => {
  const parse = (etcd: string, log: string) =>
    parseClusterFile('cluster.yaml', `${right.replace('log: embedded', `log: ${log}`)}etcd: ${etcd}\n`);

  it('has a prefix and a lease unless the file says others', () => {
    const endpoints = ['https://a:2379', 'https://[::1]:2379'];
    expect(parse(`{ endpoints: ['${endpoints.join("','")}'] }`, 'etcd')).toMatchObject({
      ok: true,
      value: {
        etcd: { endpoints, prefix: '/meridian', leaseMs: 3000 },
        keyspaces: [{ log: 'embedded' }, { log: 'etcd' }],
      },
    });
    expect(
      parse("{ endpoints: ['http://a:1'], prefix: /of/mine, leaseMs: 60000 }", 'embedded'),
    ).toMatchObject({
      ok: true,
      value: { etcd: { endpoints: ['http://a:1'], prefix: '/of/mine', leaseMs: 60_000 } },
    });
  });
});

it('an address of HTTP may be one of HTTPS', () => {
  const parsed = parseClusterFile('cluster.yaml', right.replace('127.0.0.1:5', 'https://127.0.0.1:5'));
  expect(parsed.ok && parsed.value.nodes[2]?.http).toEqual({ host: '127.0.0.1', port: 5, tls: true });
});

describe('a wrong cluster file names file, line, setting and what is allowed', () => {
  const second = 'node: east-2, log: embedded';
  const cases: readonly [string, string | RegExp, string, string][] = [
    ['text that is no YAML', 'name: local', 'name: [', 'cluster.yaml:2: is not valid YAML: Flow sequence'],
    [
      'a setting given twice',
      'name: local',
      'name: a\nname: b',
      'cluster.yaml:2: is not valid YAML: Map keys must be unique',
    ],
    [
      'no mapping at all',
      /[^]+/,
      '- 1',
      'cluster.yaml: must be a cluster: name, regions, keyspaces, retention, checks, etcd, wan, not [1]',
    ],
    [
      'an empty file',
      /[^]+/,
      '',
      'cluster.yaml: must be a cluster: name, regions, keyspaces, retention, checks, etcd, wan, not null',
    ],
    [
      'an unknown setting',
      'name: local',
      'nmae: local',
      'cluster.yaml:1: nmae: unknown setting; allowed: name, regions, keyspaces, retention, checks, etcd, wan',
    ],
    [
      'an unknown setting of a keyspace',
      'node: east-2',
      'nod: east-2',
      'cluster.yaml:12: keyspaces.second.nod: unknown setting; allowed: home, node, log',
    ],
    [
      '__proto__',
      'name: local',
      'name: local\n__proto__: {}',
      'cluster.yaml:2: __proto__: unknown setting; allowed: name, regions, keyspaces, retention, checks, etcd, wan',
    ],
    [
      'a missing setting',
      'home: east, node',
      'node',
      'cluster.yaml:12: keyspaces.second.home: is missing; it must be the name of a region',
    ],
    [
      'a wrong type',
      'name: local',
      'name: 7',
      "cluster.yaml:1: name: must be the cluster's name: a lower-case letter, then up to 62 lower-case letters, digits, hyphens, not 7",
    ],
    [
      'a region without nodes',
      /nodes:\n {6}- \{ id: west.*/,
      'nodes: []',
      'cluster.yaml:8: regions.west.nodes: must be a list of one or more nodes, not []',
    ],
    [
      'no region',
      /regions:\n( {2}.*\n)+/,
      'regions: {}\n',
      'cluster.yaml:2: regions: must be one or more regions, not {}',
    ],
    [
      'no keyspace',
      /keyspaces:\n( {2}.*\n)+/,
      'keyspaces: {}\n',
      'cluster.yaml:10: keyspaces: must be one or more keyspaces, not {}',
    ],
    [
      'a bad name of a region',
      '  west:',
      '  West:',
      'cluster.yaml:7: regions.West: is no name of a region; a name is a lower-case letter, then up to 62 lower-case letters, digits, hyphens',
    ],
    [
      'a bad name of a keyspace',
      'default:',
      'de/fault:',
      'cluster.yaml:11: keyspaces.de/fault: is no name of a keyspace; a name is a lower-case letter, then up to 62 lower-case letters, digits, hyphens',
    ],
    [
      'a bad id of a node',
      'id: west-1',
      'id: west_1',
      'cluster.yaml:9: regions.west.nodes[0].id: must be a node\'s id: a lower-case letter, then up to 62 lower-case letters, digits, hyphens, not "west_1"',
    ],
    [
      'a node id given twice',
      'id: west-1',
      'id: east-2',
      'cluster.yaml:9: regions.west.nodes[0].id: east-2 is already the id of a node in east; ids must differ',
    ],
    [
      'an address given twice',
      '127.0.0.1:5',
      '127.0.0.1:4',
      'cluster.yaml:9: regions.west.nodes[0].http: 127.0.0.1:4 is already the address of regions.east.nodes[1].peer; every address may stand once',
    ],
    [
      'an address without a port',
      '127.0.0.1:5',
      '127.0.0.1',
      'cluster.yaml:9: regions.west.nodes[0].http: must be host:port or https://host:port, with a port from 1 to 65535, not "127.0.0.1"',
    ],
    [
      'port 0',
      '127.0.0.1:5',
      '127.0.0.1:0',
      'cluster.yaml:9: regions.west.nodes[0].http: must be host:port or https://host:port, with a port from 1 to 65535, not "127.0.0.1:0"',
    ],
    [
      'a port too high',
      '127.0.0.1:5',
      '127.0.0.1:65536',
      'cluster.yaml:9: regions.west.nodes[0].http: must be host:port or https://host:port, with a port from 1 to 65535, not "127.0.0.1:65536"',
    ],
    [
      'a home that is no region',
      'home: east }',
      'home: wset }',
      'cluster.yaml:11: keyspaces.default.home: "wset" is no region of this cluster; allowed: east, west',
    ],
    [
      'a home node of another region',
      second,
      'node: west-1',
      'cluster.yaml:12: keyspaces.second.node: "west-1" is no node of the home region east; allowed: east-1, east-2',
    ],
    [
      'a keyspace on etcd without etcd',
      second,
      'log: etcd',
      "cluster.yaml:12: keyspaces.second.log: etcd needs to be named in this file: add etcd: { endpoints: ['https://host:2379'] }; allowed without it: embedded",
    ],
    [
      'etcd without endpoints',
      'wan:',
      'etcd: {}\nwan:',
      'cluster.yaml:13: etcd.endpoints: is missing; it must be a list of 1 to 16 endpoints of etcd',
    ],
    [
      'an empty list of endpoints',
      'wan:',
      'etcd: { endpoints: [] }\nwan:',
      'cluster.yaml:13: etcd.endpoints: must be a list of 1 to 16 endpoints of etcd, http://host:port or https://host:port, not []',
    ],
    [
      'an endpoint that is none',
      'wan:',
      "etcd: { endpoints: ['http://a:1', 'b:2379'] }\nwan:",
      'cluster.yaml:13: etcd.endpoints[1]: must be http://host:port or https://host:port, not "b:2379"',
    ],
    [
      'an endpoint with a path',
      'wan:',
      "etcd: { endpoints: ['http://a:1/x'] }\nwan:",
      'cluster.yaml:13: etcd.endpoints[0]: must be http://host:port or https://host:port, not "http://a:1/x"',
    ],
    [
      'endpoints of two schemes',
      'wan:',
      "etcd: { endpoints: ['http://a:1', 'https://b:1'] }\nwan:",
      'cluster.yaml:13: etcd.endpoints: has http and https; all endpoints are of one scheme',
    ],
    [
      'an endpoint given twice',
      'wan:',
      "etcd: { endpoints: ['http://a:1', 'http://a:1'] }\nwan:",
      'cluster.yaml:13: etcd.endpoints: has http://a:1 twice',
    ],
    [
      'a prefix without a slash',
      'wan:',
      "etcd: { endpoints: ['http://a:1'], prefix: m }\nwan:",
      'cluster.yaml:13: etcd.prefix: must be what keys in etcd begin with, like /meridian, 200 characters at most, not "m"',
    ],
    ...[999, 60_001, 1500.5].map((ms): [string, string, string, string] => [
      `a lease of ${ms} ms`,
      'wan:',
      `etcd: { endpoints: ['http://a:1'], leaseMs: ${ms} }\nwan:`,
      `cluster.yaml:13: etcd.leaseMs: must be ms, a whole number from 1000 to 60000, not ${ms}`,
    ]),
    [
      'another log',
      second,
      'log: kafka',
      'cluster.yaml:12: keyspaces.second.log: must be embedded or etcd, not "kafka"',
    ],
    [
      'a round trip from no region',
      '{ west: 80 }',
      '{ west: 80 }\n    north: { west: 1 }',
      'cluster.yaml:16: wan.roundTripMs.north: is no region of this cluster; allowed: east, west',
    ],
    [
      'a round trip to no region',
      'west: 80',
      'north: 80',
      'cluster.yaml:15: wan.roundTripMs.east.north: is no region of this cluster; allowed: west',
    ],
    [
      'a round trip to itself',
      'west: 80',
      'east: 80',
      'cluster.yaml:15: wan.roundTripMs.east.east: is the region itself; allowed: west',
    ],
    [
      'a round trip that is none',
      'west: 80',
      'west: -1',
      'cluster.yaml:15: wan.roundTripMs.east.west: must be a round trip in ms, above 0 and at most 10000, not -1',
    ],
    [
      'two round trips of one pair',
      '{ west: 80 }',
      '{ west: 80 }\n    west: { east: 81 }',
      'cluster.yaml:16: wan.roundTripMs.west.east: 81 contradicts wan.roundTripMs.east.west: 80; a round trip is the same both ways',
    ],
  ];
  it.each(cases)('%s', (_, from, to, message) => {
    expect(told(from, to).join('\n')).toContain(message);
  });

  it('two nodes of one tag in transaction ids', () => {
    const [message] = told('id: west-1', `id: ${twinOf}`);
    expect(message).toContain(`${twinOf} has the same tag in transaction ids as east-1`);
  });

  it('tells every problem of a file, not the first few', () => {
    const wrong = Array.from({ length: 30 }, (_, i) => `k${i}: { home: nowhere }`).join('\n  ');
    expect(told('default: { home: east }', wrong)).toHaveLength(30);
    const unknown = Array.from({ length: 30 }, (_, i) => `s${i}: 1`).join('\n');
    expect(told('name: local', `name: 7\n${unknown}`)).toHaveLength(31);
  });

  it('accepts a round trip that is given both ways alike', () => {
    expect(told('{ west: 80 }', '{ west: 80 }\n    west: { east: 80 }')).toEqual([]);
  });
});

/** Shares its tag with east-1. */
const twinOf = 'west-20373';
