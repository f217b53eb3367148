import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { regionNames } from '../model.js';
import { hostOf } from '../wan/emulator.js';
import { ServerProcess } from './server-process.js';
import type { Place, System } from './system.js';

const run = promisify(execFile);
/** For round trips of 190 ms; without effect on throughput, so the same without WAN. */
const heartbeatMs = 200;
export const electionMs = 2000;
const readyMsMax = 30_000;
const members = regionNames.map((_, i) => i + 1);

/** In each region's namespace. */
export interface EtcdPorts {
  readonly client: number;
  readonly peer: number;
}

const usualPorts: EtcdPorts = { client: 2379, peer: 2380 };

export function clientUrl(n: number, { client }: EtcdPorts): string {
  return `http://${hostOf(n)}:${client}`;
}

function peerUrl(n: number, { peer }: EtcdPorts): string {
  return `http://${hostOf(n)}:${peer}`;
}

/** etcdctl at the n-th member; resolves to what it prints. */
type Ctl = (n: number, ...args: readonly string[]) => Promise<string>;

/** One etcd member per region; before every point the leader is moved to the first, where Meridian's home is. */
export async function startEtcd(place: Place, ports: EtcdPorts = usualPorts): Promise<System> {
  const { commandIn } = place;
  const ctl: Ctl = async (n, ...args) => {
    const [program, ...rest] = [...commandIn(n), 'etcdctl', `--endpoints=${clientUrl(n, ports)}`, ...args];
    return (await run(program!, rest, { env: { ...process.env, ETCDCTL_API: '3' } })).stdout;
  };
  const healthy = (n: number) => () =>
    ctl(n, 'endpoint', 'health').then(
      () => true,
      () => false,
    );
  const processes = members.map((n) => startMember(n, place, ports));
  for (const [i, member] of processes.entries()) await member.until(healthy(i + 1), readyMsMax);
  const version = /version: (\S+)/.exec(await ctl(1, 'version'))?.[1] ?? 'unknown';
  return {
    version: `etcd ${version}`,
    address: (_protocol, region) => `${hostOf(regionNames.indexOf(region) + 1)}:${ports.client}`,
    pids: new Map(processes.map(({ pid }, i) => [`etcd ${regionNames[i]!}`, pid])),
    prepare: () => leadFromFirst(ctl),
  };
}

function startMember(n: number, { directory, commandIn, undo }: Place, ports: EtcdPorts): ServerProcess {
  const flags = {
    name: `n${n}`,
    'data-dir': join(directory, `n${n}`),
    'listen-client-urls': clientUrl(n, ports),
    'advertise-client-urls': clientUrl(n, ports),
    'listen-peer-urls': peerUrl(n, ports),
    'initial-advertise-peer-urls': peerUrl(n, ports),
    'initial-cluster': members.map((one) => `n${one}=${peerUrl(one, ports)}`).join(','),
    'initial-cluster-state': 'new',
    'heartbeat-interval': heartbeatMs,
    'election-timeout': electionMs,
    'quota-backend-bytes': 4 * 2 ** 30,
    'log-level': 'error',
    logger: 'zap',
  };
  const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  const member = new ServerProcess({
    name: `etcd ${n}`,
    command: [...commandIn(n), 'etcd', ...args],
    logFile: join(directory, `n${n}.log`),
  });
  undo.add(() => member.stop());
  return member;
}

async function leadFromFirst(ctl: Ctl): Promise<void> {
  const statuses = await Promise.all(members.map((n) => ctl(n, 'endpoint', 'status', '-w', 'json')));
  const leader = statuses.map(idsIn).findIndex((ids) => ids.member === ids.leader) + 1;
  if (leader === 0) throw new Error('etcd has no leader');
  if (leader > 1) await ctl(leader, 'move-leader', BigInt(idsIn(statuses[0]!).member).toString(16));
}

/** The ids are beyond 2^53: JSON.parse would round them. */
function idsIn(status: string): { readonly member: string; readonly leader: string } {
  const id = (field: string): string => new RegExp(`"${field}":(\\d+)`).exec(status)?.[1] ?? '';
  return { member: id('member_id'), leader: id('leader') };
}
