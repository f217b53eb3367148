import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { regionNames } from '../model.js';
import { hostOf } from '../wan/emulator.js';
import { ServerProcess } from './server-process.js';
import type { Place, System } from './system.js';

const run = promisify(execFile);
/** For round trips of 190 ms; without effect on throughput, so the same without WAN. */
const [heartbeatMs, electionMs] = [200, 2000];
const readyMsMax = 30_000;
const members = regionNames.map((_, i) => i + 1);
const clientUrl = (n: number): string => `http://${hostOf(n)}:2379`;
const peerUrl = (n: number): string => `http://${hostOf(n)}:2380`;

/** etcdctl at the n-th member; resolves to what it prints. */
type Ctl = (n: number, ...args: readonly string[]) => Promise<string>;

/** One etcd member per region; before every point the leader is moved to the first, where Meridian's home is. */
export async function startEtcd({ directory, commandIn, undo }: Place): Promise<System> {
  const ctl: Ctl = async (n, ...args) => {
    const [program, ...rest] = [...commandIn(n), 'etcdctl', `--endpoints=${clientUrl(n)}`, ...args];
    return (await run(program!, rest, { env: { ...process.env, ETCDCTL_API: '3' } })).stdout;
  };
  const healthy = (n: number) => () =>
    ctl(n, 'endpoint', 'health').then(
      () => true,
      () => false,
    );
  const processes = members.map((n) => startMember(n, { directory, commandIn, undo }));
  for (const [i, member] of processes.entries()) await member.until(healthy(i + 1), readyMsMax);
  const version = /version: (\S+)/.exec(await ctl(1, 'version'))?.[1] ?? 'unknown';
  return {
    version: `etcd ${version}`,
    address: (_protocol, region) => `${hostOf(regionNames.indexOf(region) + 1)}:2379`,
    pids: new Map(processes.map(({ pid }, i) => [`etcd ${regionNames[i]!}`, pid])),
    prepare: () => leadFromFirst(ctl),
  };
}

function startMember(n: number, { directory, commandIn, undo }: Place): ServerProcess {
  const flags = {
    name: `n${n}`,
    'data-dir': join(directory, `n${n}`),
    'listen-client-urls': clientUrl(n),
    'advertise-client-urls': clientUrl(n),
    'listen-peer-urls': peerUrl(n),
    'initial-advertise-peer-urls': peerUrl(n),
    'initial-cluster': members.map((one) => `n${one}=${peerUrl(one)}`).join(','),
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
