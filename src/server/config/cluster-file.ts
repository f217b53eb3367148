import type { Static } from 'typebox';
import { isName, keyspaceName, nodeId, regionId, type NodeId } from '../../model/ids.js';
import { nodeTag } from '../../model/transaction-id.js';
import { formatAddress, parseAddress, parseHttpAddress, type HttpAddress } from './address.js';
import type { ClusterConfig, ClusterNode, KeyspaceConfig, RegionConfig, RoundTrip } from './config.js';
import { readClusterEtcd } from './etcd-settings.js';
import { allowed, type Checked, type ConfigProblem } from './problem.js';
import { readChecks, readRetention } from './retention-settings.js';
import { clusterSchema } from './schema.js';
import { formatPath, parseYamlFile, readYamlFile, type SettingPath, type YamlFile } from './yaml-file.js';

type Content = Static<typeof clusterSchema>;

export async function readClusterFile(file: string): Promise<Checked<ClusterConfig>> {
  const read = await readYamlFile(file, clusterSchema);
  return read.ok ? interpret(file, read.value) : read;
}

export function parseClusterFile(file: string, text: string): Checked<ClusterConfig> {
  const parsed = parseYamlFile(file, text, clusterSchema);
  return parsed.ok ? interpret(file, parsed.value) : parsed;
}

/** Gathers problems, so that all of a file are told at once. */
class Findings {
  readonly problems: ConfigProblem[] = [];

  constructor(private readonly source: YamlFile<Content>) {}

  add(path: SettingPath, message: string): void {
    this.problems.push(this.source.problem(path, message));
  }
}

function interpret(file: string, source: YamlFile<Content>): Checked<ClusterConfig> {
  const findings = new Findings(source);
  const content = source.value;
  const regions = readRegions(content, findings);
  const nodes = regions.flatMap((region) => region.nodes);
  const keyspaces = readKeyspaces(content, regions, findings);
  const add = findings.add.bind(findings);
  const retention = readRetention(content, add);
  const checksEveryMs = readChecks(content, add);
  const etcd = readClusterEtcd(content, add);
  const roundTrips = readRoundTrips(content, findings);
  if (findings.problems.length > 0) return { ok: false, problems: findings.problems };
  const { name } = content;
  return {
    ok: true,
    value: { file, name, regions, nodes, keyspaces, retention, checksEveryMs, etcd, roundTrips },
  };
}

const nameRule = 'a name is a lower-case letter, then up to 62 lower-case letters, digits, hyphens';

function readRegions(content: Content, findings: Findings): RegionConfig[] {
  const ids = new Map<string, string>();
  const tags = new Map<number, NodeId>();
  const addresses = new Map<string, string>();
  const claimAddress = (node: SettingPath, kind: 'http' | 'peer', text: string): HttpAddress => {
    const path = [...node, kind];
    const address = kind === 'http' ? parseHttpAddress(text) : parseAddress(text);
    if (address === undefined || address.port === 0) {
      const form = kind === 'http' ? 'host:port or https://host:port,' : 'host:port';
      findings.add(path, `must be ${form} with a port from 1 to 65535, not ${JSON.stringify(text)}`);
      return { host: 'invalid', port: 0 };
    }
    const key = formatAddress(address).toLowerCase();
    const holder = addresses.get(key);
    if (holder === undefined) addresses.set(key, formatPath(path));
    else findings.add(path, `${text} is already the address of ${holder}; every address may stand once`);
    return address;
  };
  const claimNode = (path: SettingPath, id: NodeId): void => {
    const holder = ids.get(id);
    const twin = tags.get(nodeTag(id));
    if (holder !== undefined)
      findings.add(path, `${id} is already the id of a node in ${holder}; ids must differ`);
    else if (twin !== undefined)
      findings.add(
        path,
        `${id} has the same tag in transaction ids as ${twin}; one of the two needs another id`,
      );
    ids.set(id, String(path[1]));
    tags.set(nodeTag(id), id);
  };
  return Object.entries(content.regions).flatMap(([name, { nodes }]): RegionConfig[] => {
    if (!isName(name)) {
      findings.add(['regions', name], `is no name of a region; ${nameRule}`);
      return [];
    }
    const region = regionId(name);
    const read = nodes.map((node, index): ClusterNode => {
      const path = ['regions', name, 'nodes', index];
      const id = nodeId(node.id);
      claimNode([...path, 'id'], id);
      return {
        id,
        region,
        http: claimAddress(path, 'http', node.http),
        peer: claimAddress(path, 'peer', node.peer),
      };
    });
    return [{ id: region, nodes: read }];
  });
}

function readKeyspaces(
  content: Content,
  regions: readonly RegionConfig[],
  findings: Findings,
): KeyspaceConfig[] {
  return Object.entries(content.keyspaces).flatMap(([name, { home, node, log = 'embedded' }]) => {
    const path = ['keyspaces', name];
    if (!isName(name)) findings.add(path, `is no name of a keyspace; ${nameRule}`);
    if (log === 'etcd' && content.etcd === undefined)
      findings.add(
        [...path, 'log'],
        "etcd needs to be named in this file: add etcd: { endpoints: ['https://host:2379'] }; allowed without it: embedded",
      );
    const region = regions.find(({ id }) => id === home);
    if (region === undefined) {
      const names = allowed(Object.keys(content.regions));
      findings.add([...path, 'home'], `${JSON.stringify(home)} is no region of this cluster; ${names}`);
      return [];
    }
    const at = node === undefined ? region.nodes[0] : region.nodes.find(({ id }) => id === node);
    if (at === undefined) {
      const names = allowed(region.nodes.map(({ id }) => id));
      findings.add(
        [...path, 'node'],
        `${JSON.stringify(node)} is no node of the home region ${home}; ${names}`,
      );
      return [];
    }
    if (!isName(name)) return [];
    return [{ name: keyspaceName(name), home: region.id, node: at.id, log }];
  });
}

function readRoundTrips(content: Content, findings: Findings): RoundTrip[] {
  const names = Object.keys(content.regions);
  const known = new Map<string, { readonly trip: RoundTrip; readonly path: string }>();
  for (const [from, row] of Object.entries(content.wan?.roundTripMs ?? {})) {
    const path = ['wan', 'roundTripMs', from];
    if (!names.includes(from)) findings.add(path, `is no region of this cluster; ${allowed(names)}`);
    for (const [to, ms] of Object.entries(row)) {
      const cell = [...path, to];
      const others = names.filter((name) => name !== from);
      const pair = [from, to].sort().join(' ');
      const twin = known.get(pair);
      if (!others.includes(to)) {
        const what = to === from ? 'is the region itself' : 'is no region of this cluster';
        findings.add(cell, `${what}; ${allowed(others)}`);
      } else if (twin !== undefined && twin.trip.ms !== ms)
        findings.add(
          cell,
          `${ms} contradicts ${twin.path}: ${twin.trip.ms}; a round trip is the same both ways`,
        );
      else if (isName(from) && isName(to) && names.includes(from))
        known.set(pair, { trip: { between: [regionId(from), regionId(to)], ms }, path: cell.join('.') });
    }
  }
  return [...known.values()].map(({ trip }) => trip);
}
