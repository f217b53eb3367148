import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Runtime } from '../../runtime/runtime.js';
import { formatAddress } from '../../server/config/address.js';
import { roundTripMs, type ClusterConfig, type ClusterNode } from '../../server/config/config.js';
import { freePorts, type Listener } from '../ports.js';
import { ClusterStartError } from '../start-error.js';
import type { ProcessEvent } from '../supervised-process.js';
import { noEtcdLinks, openEtcdLinks, type EtcdLinks } from './etcd-links.js';
import { EtcdMember, type EtcdTiming } from './etcd-member.js';
import {
  etcdPortsFrom,
  initialClusterOf,
  loopback,
  memberIdOf,
  memberName,
  writeNote,
  type EtcdNote,
  type EtcdPorts,
} from './layout.js';

export interface LocalEtcdOptions {
  /** Per member; default: from 12379 on. The peers' are those of the data's first start. */
  readonly ports?: readonly EtcdPorts[] | undefined;
  /** Default 100 ms and 1,000 ms. */
  readonly timing?: EtcdTiming | undefined;
  /** How long a silent sequencer keeps its role; etcd rounds up to whole seconds. Default 2,000 ms. */
  readonly leaseMs?: number | undefined;
}

export interface EtcdLayOptions extends LocalEtcdOptions {
  readonly cluster: ClusterConfig;
  readonly dataDirectory: string;
  readonly wan: boolean;
  readonly restart: boolean;
  readonly runtime: Runtime;
  readonly onEvent: (event: ProcessEvent) => void;
  /** Of the data; undefined at its first start. */
  readonly note: EtcdNote | undefined;
}

/** The etcd of a local cluster: three members, one per region in turn. */
export interface LocalEtcd {
  /** As it is written. */
  readonly note: EtcdNote;
  readonly members: readonly EtcdMember[];
  /** Resolves when all members serve; a ClusterStartError when one ends, or that takes longer than a minute. */
  start(): Promise<void>;
  /** Variables that make a node's keyspaces be ordered by it: the member of its own region first, then by distance. */
  environmentOf(node: ClusterNode): Readonly<Record<string, string>>;
  /** One member after the other. May be called again. */
  stop(): Promise<void>;
}

const timingDefault: EtcdTiming = { heartbeatMs: 100, electionMs: 1000 };
const leaseMsDefault = 2000;
const startMsMax = 60_000;
/** What etcd has acknowledged is on disk, however it ends. */
const stopMsMax = 1500;

interface Place {
  readonly i: number;
  readonly region: EtcdMember['region'];
  readonly id: string;
  readonly client: EtcdMember['client'];
  readonly peer: EtcdMember['client'];
  readonly peerListen: EtcdMember['client'];
}

/** Where the members are to listen; to be tried before they are started. */
export function etcdListeners({ ports, note }: Pick<EtcdLayOptions, 'ports' | 'note'>): Listener[] {
  return withNoted(ports, note).flatMap(({ client, peer }, i) => [
    { address: loopback(client), whose: `clients of ${memberName(i)}` },
    { address: loopback(peer), whose: `peer of ${memberName(i)}` },
  ]);
}

/** Nothing is started yet but the links. A ClusterStartError when there is no etcd on this machine. */
export async function layEtcd(options: EtcdLayOptions): Promise<LocalEtcd> {
  await requireEtcd();
  const { cluster, dataDirectory, wan, runtime, timing = timingDefault, leaseMs = leaseMsDefault } = options;
  const ports = withNoted(options.ports, options.note);
  const peers = ports.map(({ peer }) => peer);
  const note = options.note ?? { peers, begun: false };
  await writeNote(dataDirectory, note);
  const behindLinks = wan ? await freePorts(ports.length) : peers;
  const places = ports.map(({ client, peer }, i): Place => ({
    i,
    region: cluster.regions[i % cluster.regions.length]!.id,
    id: memberIdOf(peer),
    client: loopback(client),
    peer: loopback(peer),
    peerListen: loopback(behindLinks[i]!),
  }));
  const links: EtcdLinks = wan ? await openEtcdLinks(cluster, places, runtime) : noEtcdLinks;
  const { restart, onEvent } = options;
  const members = places.map((place) => {
    const name = memberName(place.i);
    const directory = join(dataDirectory, name);
    const files = { dataDirectory: join(directory, 'data'), logFile: join(directory, 'etcd.log') };
    const shared = { initialCluster: initialClusterOf(peers), timing, restart, onEvent, runtime };
    return new EtcdMember({ name, ...place, ...files, ...shared });
  });
  return {
    note,
    members,
    start: () => startAll(members, runtime),
    environmentOf: (node) => ({
      MERIDIAN_LOG: 'etcd',
      MERIDIAN_ETCD_ENDPOINTS: endpointsOf(node, { cluster, places, links }).join(','),
      MERIDIAN_ETCD_LEASE_MS: String(leaseMs),
    }),
    stop: async () => {
      // One after the other, for a leader hands over first; the last ones have nobody to hand over to, and would wait long.
      for (const member of members) await member.stop(stopMsMax);
      await links.close();
    },
  };
}

async function requireEtcd(): Promise<void> {
  try {
    await promisify(execFile)('etcd', ['--version']);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new ClusterStartError(
      'There is no `etcd` in PATH. On Debian, as root: node scripts/install-etcd.mjs (apt-get install etcd-server). ' +
        'Elsewhere: put the etcd binary (3.4 or newer, https://github.com/etcd-io/etcd/releases) into PATH.',
    );
  }
}

function withNoted(
  ports: readonly EtcdPorts[] = etcdPortsFrom(),
  note: EtcdNote | undefined,
): readonly EtcdPorts[] {
  return ports.map(({ client, peer }, i) => ({ client, peer: note?.peers[i] ?? peer }));
}

async function startAll(members: readonly EtcdMember[], runtime: Runtime): Promise<void> {
  const late = new Promise<never>((_, reject) => {
    const message = `etcd has no leader after ${startMsMax / 1000} s; see its members' etcd.log.`;
    runtime.timers.after(startMsMax, () => reject(new ClusterStartError(message)));
  });
  await Promise.race([Promise.all(members.map((member) => member.start())), late]);
}

interface Reach {
  readonly cluster: ClusterConfig;
  readonly places: readonly Place[];
  readonly links: EtcdLinks;
}

function endpointsOf(node: ClusterNode, { cluster, places, links }: Reach): string[] {
  return places
    .map(({ i, region, client }) => ({
      isOwn: region === node.region,
      distanceMs: roundTripMs(cluster, node.region, region),
      address: links.addressOf(node.id, i) ?? client,
    }))
    .sort((a, b) => Number(b.isOwn) - Number(a.isOwn) || a.distanceMs - b.distanceMs)
    .map(({ address }) => `http://${formatAddress(address)}`);
}
