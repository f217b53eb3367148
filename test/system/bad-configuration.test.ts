import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePorts } from '../../src/local/ports.js';
import { temporaryDirectory } from '../support/cluster.js';
import { runMeridian } from './command-line.js';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let clusterText: string;
let nodeText: string;

beforeAll(async () => {
  directory = await temporaryDirectory();
  const [http, peer, otherHttp, otherPeer] = await freePorts(4);
  clusterText = `name: test
regions:
  here: { nodes: [{ id: here, http: '127.0.0.1:${http}', peer: '127.0.0.1:${peer}' }] }
  there: { nodes: [{ id: there, http: '127.0.0.1:${otherHttp}', peer: '127.0.0.1:${otherPeer}' }] }
keyspaces:
  default: { home: here, log: embedded }
`;
  nodeText = `id: here
region: here
http: { listen: '127.0.0.1:${http}' }
peer: { listen: '127.0.0.1:${peer}' }
dataDirectory: ${join(directory.path, 'data')}
`;
});
afterAll(() => directory.remove());

interface Wrong {
  readonly cluster?: readonly [string | RegExp, string];
  readonly node?: readonly [string | RegExp, string];
  readonly environment?: Record<string, string>;
  readonly args?: readonly string[];
}

let written = 0;

async function start({ cluster = ['', ''], node = ['', ''], environment = {}, args = [] }: Wrong) {
  const folder = join(directory.path, `${++written}`);
  await mkdir(folder);
  await writeFile(join(folder, 'cluster.yaml'), clusterText.replace(...cluster));
  await writeFile(join(folder, 'here.yaml'), nodeText.replace(...node));
  const file = join(folder, 'cluster.yaml');
  return runMeridian(['start', '--cluster', file, '--node', 'here', ...args], environment);
}

it.each<[string, Wrong, RegExp]>([
  ['is not YAML', { cluster: ['name: test', 'name: [test'] }, /cluster\.yaml:\d+/],
  [
    'names a keyspace home that is no region',
    { cluster: ['home: here', 'home: nowhere'] },
    /cluster\.yaml:\d+: keyspaces\.default\.home: .*nowhere/,
  ],
  [
    'has an unknown setting',
    { cluster: ['log: embedded', 'logs: embedded'] },
    /cluster\.yaml:\d+: keyspaces\.default.*logs/,
  ],
  [
    'has a setting twice',
    { cluster: ['log: embedded', 'log: embedded, log: embedded'] },
    /cluster\.yaml:\d+/,
  ],
  ['has a setting of another type', { cluster: ['name: test', 'name: 7'] }, /cluster\.yaml:\d+: name/],
  [
    'names a log that does not exist',
    { cluster: ['log: embedded', 'log: kafka'] },
    /cluster\.yaml:\d+: keyspaces\.default\.log/,
  ],
  [
    'has two nodes at one address',
    {
      cluster: [
        /there, http: '[^']+'/,
        "there, http: '127.0.0.1:1', peer: '127.0.0.1:1' }, { id: third, http: '127.0.0.1:1'",
      ],
    },
    /cluster\.yaml:\d+: regions/,
  ],
  [
    'is of another node than the one to start',
    { node: ['id: here', 'id: there'] },
    /here\.yaml(:\d+)?: (id|region)/,
  ],
  [
    'has a node file with an unknown setting',
    { node: ['dataDirectory', 'dataFolder'] },
    /here\.yaml:?\d*: dataFolder|here\.yaml.*dataDirectory/,
  ],
  [
    'has a node file with a port that is none',
    { node: [/listen: '127.0.0.1:\d+'/, "listen: '127.0.0.1:99999'"] },
    /here\.yaml:\d+: http\.listen/,
  ],
  [
    'lets other machines in without TLS',
    { node: [/listen: '127.0.0.1:/, "listen: '0.0.0.0:"] },
    /here\.yaml: http\.listen: .*--insecure/,
  ],
  [
    'contradicts the environment',
    { environment: { MERIDIAN_HTTP_LISTEN: 'nonsense' } },
    /environment: MERIDIAN_HTTP_LISTEN/,
  ],
  [
    'has an unknown variable',
    { environment: { MERIDIAN_HTP_LISTEN: '127.0.0.1:1' } },
    /environment: MERIDIAN_HTP_LISTEN/,
  ],
  ['lacks the node', { args: ['--node', 'nobody'] }, /cluster\.yaml: regions: has no node "nobody"/],
])('a node whose configuration %s does not start, and says where', async (_, wrong, place) => {
  const { code, errors } = await start(wrong);
  expect(errors).toMatch(place);
  expect(errors).not.toMatch(/\n\s+at /);
  expect(code).toBe(1);
});

it('a file that is not there is named', async () => {
  const { code, errors } = await runMeridian([
    'start',
    '--cluster',
    'nowhere/cluster.yaml',
    '--node',
    'here',
  ]);
  expect(errors).toMatch(/nowhere\/cluster\.yaml/);
  expect(code).toBe(1);
});
