import { relative } from 'node:path';
import { formatAddress, httpUrl } from '../server/config/address.js';
import type { ClusterConfig } from '../server/config/config.js';
import type { Paint } from './palette.js';

/** A process of the cluster that may be killed to see what happens. */
interface Member {
  readonly name: string;
  readonly region: string;
  readonly url: string;
}

export interface BannerFacts {
  readonly version: string;
  readonly config: ClusterConfig;
  readonly nodes: readonly { readonly id: string; readonly pid: number }[];
  /** None when the log is embedded. */
  readonly etcd: readonly Member[];
  readonly wan: boolean;
  readonly dataDirectory: string;
  readonly workingDirectory: string;
  /** Whether the addresses are those that `meridian` finds by itself. */
  readonly usualPorts: boolean;
}

/** What `make run` prints once the cluster serves. */
export function bannerText(facts: BannerFacts, paint: Paint): string {
  const { config, version } = facts;
  const title = `${paint('bold', 'Meridian')} ${paint('dim', version)}`;
  const claim = `${words[config.regions.length] ?? config.regions.length} regions, one order`;
  const lines = [
    `${title}  ${claim}`,
    '',
    ...nodeLines(config, paint),
    ...etcdLines(facts, paint),
    '',
    `${label('links', paint)}${linksText(facts, paint)}`,
    `${label('data', paint)}${pathText(facts)}`,
    '',
    ...commandsToTry(facts).map(
      (command, i) => `${label(i === 0 ? 'try' : '', paint)}${paint('green', command)}`,
    ),
    '',
    paint('dim', 'Ctrl-C stops the cluster; the data stays.'),
  ];
  return `\n${lines.map((line) => (line === '' ? '' : `  ${line}`)).join('\n')}\n\n`;
}

const words: Readonly<Record<number, string>> = { 1: 'One', 2: 'Two', 3: 'Three', 4: 'Four', 5: 'Five' };

function label(name: string, paint: Paint): string {
  return paint('dim', name.padEnd(8));
}

function nodeLines({ nodes, keyspaces }: ClusterConfig, paint: Paint): string[] {
  const rows = nodes.map((node) => ({
    id: String(node.id) === node.region ? node.id : `${node.id} (${node.region})`,
    http: httpUrl(node.http),
    peer: `gRPC ${formatAddress(node.peer)}`,
    homes: keyspaces.filter((keyspace) => keyspace.node === node.id).map(({ name }) => name),
  }));
  const width = (column: 'id' | 'http' | 'peer'): number =>
    Math.max(...rows.map((row) => row[column].length));
  const [id, http, peer] = [width('id'), width('http'), width('peer')];
  return rows.map((row) => {
    const home = row.homes.length === 0 ? '' : `home of ${row.homes.join(', ')}`;
    const cells = [
      paint('bold', row.id.padEnd(id)),
      paint('cyan', row.http.padEnd(http)),
      paint('dim', row.peer.padEnd(peer)),
      home,
    ];
    return cells.join('   ').trimEnd();
  });
}

function etcdLines({ etcd }: BannerFacts, paint: Paint): string[] {
  if (etcd.length === 0) return [];
  const width = Math.max(...etcd.map(({ region }) => region.length));
  const lines = etcd.map(({ name, region, url }) => {
    const cells = [paint('bold', name), region.padEnd(width), paint('cyan', url)];
    return cells.join('   ');
  });
  return ['', `The log of every keyspace is on etcd:`, ...lines];
}

function linksText({ wan, config }: BannerFacts, paint: Paint): string {
  if (!wan) return `direct ${paint('dim', '(WAN=1 adds the round trips of cluster.yaml)')}`;
  return config.roundTrips.map(({ between: [a, b], ms }) => `${a} ↔ ${b} ${ms} ms`).join(paint('dim', ' · '));
}

function pathText({ dataDirectory, workingDirectory }: BannerFacts): string {
  const path = relative(workingDirectory, dataDirectory);
  return path.startsWith('..') ? dataDirectory : `./${path}`;
}

function commandsToTry({ config, nodes, etcd, usualPorts }: BannerFacts): string[] {
  const [first, second = first] = config.nodes;
  const keyspace = config.keyspaces[0]!.name;
  return [
    `npx meridian put ${keyspace} greeting hello --url ${httpUrl(first!.http)}`,
    `npx meridian get ${keyspace} greeting --causal --url ${httpUrl(second!.http)}`,
    `npx meridian status${usualPorts ? '' : ` --url ${httpUrl((etcd.length > 0 ? second : first)!.http)}`}`,
    ...(etcd.length === 0 ? [] : [killHome(nodes, config)]),
  ];
}

/** Its node orders the first keyspace while it runs; another takes over when it dies. */
function killHome(nodes: BannerFacts['nodes'], { keyspaces }: ClusterConfig): string {
  const { name, node } = keyspaces[0]!;
  const pid = nodes.find(({ id }) => id === node)?.pid;
  return `kill -9 ${pid}   # ${node}, which orders ${name}: within seconds another node does, and it comes back`;
}
