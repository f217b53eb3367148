import { describe, expect, it } from 'vitest';
import { parseClusterFile } from '../server/config/cluster-file.js';
import { bannerText, type BannerFacts } from './banner.js';
import { paletteOf } from './palette.js';

const parsed = parseClusterFile(
  'cluster.yaml',
  `name: local
regions:
  us-east: { nodes: [{ id: us-east, http: '127.0.0.1:1', peer: '127.0.0.1:2' }] }
  eu: { nodes: [{ id: eu-1, http: '127.0.0.1:30003', peer: '127.0.0.1:4' }] }
keyspaces:
  default: { home: us-east }
  other: { home: us-east }
wan: { roundTripMs: { us-east: { eu: 80 } } }
`,
);
if (!parsed.ok) throw new Error('the file is wrong');
const facts: BannerFacts = {
  version: '1.2.3',
  config: parsed.value,
  nodes: [{ id: 'us-east', pid: 4711 }],
  etcd: [],
  wan: false,
  dataDirectory: '/srv/project/data',
  workingDirectory: '/srv/project',
  usualPorts: true,
};
const plain = paletteOf({}, undefined);

describe('the banner', () => {
  it('fits the facts into aligned columns', () => {
    expect(bannerText(facts, plain)).toBe(`
  Meridian 1.2.3  Two regions, one order

  us-east     http://127.0.0.1:1       gRPC 127.0.0.1:2   home of default, other
  eu-1 (eu)   http://127.0.0.1:30003   gRPC 127.0.0.1:4

  links   direct (WAN=1 adds the round trips of cluster.yaml)
  data    ./data

  try     npx meridian put default greeting hello --url http://127.0.0.1:1
          npx meridian get default greeting --causal --url http://127.0.0.1:30003
          npx meridian status

  Ctrl-C stops the cluster; the data stays.

`);
  });

  it('shows round trips when they are emulated, and where to ask at other ports', () => {
    const text = bannerText({ ...facts, wan: true, usualPorts: false, dataDirectory: '/elsewhere' }, plain);
    expect(text).toContain('links   us-east ↔ eu 80 ms\n');
    expect(text).toContain('data    /elsewhere\n');
    expect(text).toContain('npx meridian status --url http://127.0.0.1:1\n');
  });

  it('shows the members of etcd, and which process to kill to see another node take over', () => {
    const etcd = [
      { name: 'etcd-1', region: 'us-east', url: 'http://127.0.0.1:12379' },
      { name: 'etcd-2', region: 'eu', url: 'http://127.0.0.1:12381' },
    ];
    const text = bannerText({ ...facts, etcd }, plain);
    expect(text).toContain(`
  The log of every keyspace is on etcd:
  etcd-1   us-east   http://127.0.0.1:12379
  etcd-2   eu        http://127.0.0.1:12381

  links`);
    expect(text).toContain('kill -9 4711   # us-east, which orders default:');
  });

  it('has colours on a terminal only, and none with NO_COLOR', () => {
    expect(bannerText(facts, paletteOf({ isTTY: true }, undefined))).toContain('\u001b[1mMeridian');
    expect(bannerText(facts, paletteOf({ isTTY: true }, '1'))).toBe(bannerText(facts, plain));
    expect(bannerText(facts, paletteOf({ isTTY: false }, undefined))).toBe(bannerText(facts, plain));
  });
});
