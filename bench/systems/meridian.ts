import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../src/local/package-root.js';
import { packageVersion } from '../../src/runtime/system/package-version.js';
import { regionNames } from '../model.js';
import { hostOf } from '../wan/emulator.js';
import { ServerProcess } from './server-process.js';
import { clientUrl, electionMs, startEtcd, type EtcdPorts } from './etcd.js';
import type { Place, System } from './system.js';

const run = promisify(execFile);
const program = join(packageRoot, 'dist/src/cli/main.js');

/** Of the nodes whose log is on etcd; those of the others are below. */
const etcdPorts: EtcdPorts = { client: 2479, peer: 2480 };
/** More than 1.5 elections, etcd's own minimum. */
const leaseMs = 2 * electionMs;

/** The same with the log on an etcd of its own, one member per region; its leader is where the home of `default` is. */
export async function startMeridianOnEtcd(place: Place): Promise<System> {
  const etcd = await startEtcd({ ...place, directory: join(place.directory, 'etcd') }, etcdPorts);
  const nodes = await startNodes(place, {
    portsAfter: 100,
    environment: (own) => ({
      MERIDIAN_LOG: 'etcd',
      MERIDIAN_ETCD_ENDPOINTS: [own, ...others(own)].map((n) => clientUrl(n, etcdPorts)).join(','),
      MERIDIAN_ETCD_LEASE_MS: String(leaseMs),
    }),
  });
  const { prepare } = etcd;
  return {
    ...nodes,
    version: `${nodes.version} on ${etcd.version}`,
    pids: new Map([...nodes.pids, ...etcd.pids]),
    ...(prepare === undefined ? {} : { prepare }),
  };
}

/** A node per region in its namespace, with the configuration of regions/ at the namespaces' addresses. */
export function startMeridian(place: Place): Promise<System> {
  return startNodes(place, { portsAfter: 0, environment: () => ({}) });
}

function others(own: number): number[] {
  return regionNames.map((_, i) => i + 1).filter((n) => n !== own);
}

interface NodesOptions {
  /** Added to the ports of regions/, so that several clusters fit into the namespaces; a multiple of 10. */
  readonly portsAfter: number;
  /** Of the node in the n-th region, from 1. */
  readonly environment: (n: number) => Readonly<Record<string, string>>;
}

async function startNodes(
  { directory, commandIn, undo }: Place,
  { portsAfter, environment: more }: NodesOptions,
): Promise<System> {
  const configuration = join(directory, 'regions');
  const ports = await writeConfiguration(configuration, portsAfter);
  const clusterFile = join(configuration, 'cluster.yaml');
  const nodes: ServerProcess[] = [];
  for (const [i, region] of regionNames.entries()) {
    const command = (word: string): string[] => {
      const meridian = [process.execPath, program, word, '--cluster', clusterFile, '--node', region];
      return [...commandIn(i + 1), ...meridian];
    };
    const environment = { MERIDIAN_DATA_DIRECTORY: join(directory, region), ...more(i + 1) };
    const [first, ...rest] = command('init');
    await run(first!, rest, { env: { ...process.env, ...environment } });
    const node = new ServerProcess({
      name: region,
      command: [...command('start'), '--insecure'],
      logFile: join(directory, `${region}.log`),
      environment,
      ipc: true,
    });
    undo.add(() => node.stop());
    nodes.push(node);
  }
  await Promise.all(nodes.map((node) => node.message()));
  return {
    version: `Meridian ${await packageVersion()}`,
    address: (protocol, region) => {
      const i = regionNames.indexOf(region);
      return `${hostOf(i + 1)}:${protocol === 'http' ? ports[i]!.http : ports[i]!.grpc}`;
    },
    pids: new Map(nodes.map(({ pid }, i) => [regionNames[i]!, pid])),
  };
}

interface Ports {
  readonly http: number;
  readonly grpc: number;
}

/** Ports in regions/ end in the number of their region, 1 to 3, which is also its host. */
async function writeConfiguration(directory: string, portsAfter: number): Promise<Ports[]> {
  await mkdir(directory, { recursive: true });
  for (const name of ['cluster', ...regionNames]) {
    const text = await readFile(join(packageRoot, 'regions', `${name}.yaml`), 'utf8');
    const placed = text.replaceAll(
      /127\.0\.0\.1:(\d{3})(\d)/g,
      (_, tens: string, n: string) => `${hostOf(Number(n))}:${Number(tens) * 10 + portsAfter + Number(n)}`,
    );
    await writeFile(join(directory, `${name}.yaml`), placed);
  }
  return regionNames.map((_, i) => ({ http: 8101 + portsAfter + i, grpc: 9101 + portsAfter + i }));
}
