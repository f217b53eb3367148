import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from '../../src/local/ports.js';
import { createGrpcEtcdKv } from '../../src/ordering/etcd/grpc-etcd-kv.js';
import type { EtcdKv } from '../../src/ordering/etcd/etcd-kv.js';
import { createSystemRuntime } from '../../src/runtime/system/runtime.js';
import { silentLogger } from '../../src/runtime/runtime.js';
import { eventually } from './eventually.js';

const run = promisify(execFile);

export interface RealEtcdOptions {
  /** Default 1. */
  readonly members?: number;
  /** Further arguments of every member. */
  readonly args?: readonly string[];
  readonly scheme?: 'http' | 'https';
}

interface Member {
  readonly args: readonly string[];
  readonly endpoint: string;
  process: ChildProcess | undefined;
  log: string;
}

/** etcd servers on the loopback interface, with their data in a folder that goes with them. */
export class RealEtcd {
  readonly #folder: string;
  readonly #members: readonly Member[];

  private constructor(folder: string, members: readonly Member[]) {
    this.#folder = folder;
    this.#members = members;
  }

  /** Installs etcd where it is missing and may be. Rejects, and says what to do, when there is none. */
  static async start({ members = 1, args = [], scheme = 'http' }: RealEtcdOptions = {}): Promise<RealEtcd> {
    await run(process.execPath, ['scripts/install-etcd.mjs']);
    const folder = await mkdtemp(join(tmpdir(), 'meridian-etcd-'));
    const ports = await freePorts(2 * members);
    const peer = (i: number): string => `http://127.0.0.1:${ports[members + i]}`;
    const cluster = Array.from({ length: members }, (_, i) => `m${i}=${peer(i)}`).join(',');
    const made = Array.from({ length: members }, (_, i): Member => {
      const endpoint = `${scheme}://127.0.0.1:${ports[i]}`;
      const own = {
        name: `m${i}`,
        'data-dir': join(folder, `m${i}`),
        'listen-client-urls': endpoint,
        'advertise-client-urls': endpoint,
        'listen-peer-urls': peer(i),
        'initial-advertise-peer-urls': peer(i),
        'initial-cluster': cluster,
        'initial-cluster-token': folder,
        'heartbeat-interval': '50',
        'election-timeout': '500',
        logger: 'zap',
        'log-level': 'warn',
      };
      const flags = Object.entries(own).map(([name, value]) => `--${name}=${value}`);
      return { args: [...flags, ...args], endpoint, process: undefined, log: '' };
    });
    const etcd = new RealEtcd(folder, made);
    made.forEach((_, i) => etcd.startMember(i));
    return etcd;
  }

  get endpoints(): readonly string[] {
    return this.#members.map(({ endpoint }) => endpoint);
  }

  client(endpoints = this.endpoints): EtcdKv {
    const runtime = createSystemRuntime(silentLogger);
    return createGrpcEtcdKv({ endpoints, tls: undefined, user: undefined, runtime });
  }

  /** Resolves when a client gets an answer. */
  async ready(kv: EtcdKv): Promise<void> {
    const answers = async (): Promise<void> => void (await kv.range({ key: Buffer.from('x') }));
    await eventually(answers, { withinMs: 20_000, what: `an answer of etcd (${this.#logs()})` });
  }

  startMember(i: number): void {
    const member = this.#members[i]!;
    const child = spawn('etcd', member.args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ETCD_UNSUPPORTED_ARCH: process.arch },
    });
    child.stderr.on('data', (chunk: Buffer) => (member.log = `${member.log}${chunk}`.slice(-4000)));
    process.once('exit', () => child.kill('SIGKILL'));
    child.on('error', (error) => (member.log += String(error)));
    member.process = child;
  }

  /** Stopped, a member keeps its connections and says nothing. */
  signal(i: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#members[i]!.process?.kill(signal);
  }

  async kill(i: number): Promise<void> {
    const member = this.#members[i]!;
    const { process: child } = member;
    member.process = undefined;
    if (child === undefined || child.exitCode !== null || child.pid === undefined) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** Kills a member, and its data is gone. */
  async lose(i: number): Promise<void> {
    await this.kill(i);
    await rm(join(this.#folder, `m${i}`), { recursive: true, force: true });
  }

  /** One of etcd's own methods, for what an operator does: JSON over HTTP, as in `/v3/maintenance/status`. */
  async control(i: number, path: string, body: object = {}): Promise<Record<string, unknown>> {
    const init = { method: 'POST', body: JSON.stringify(body) };
    const response = await fetch(`${this.#members[i]!.endpoint}${path}`, init);
    const answer = (await response.json()) as Record<string, unknown>;
    if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`);
    return answer;
  }

  /** Which member leads, once one does. */
  async leader(): Promise<number> {
    for (const i of this.#members.keys()) {
      const status = await this.#status(i).catch(() => undefined);
      if (status !== undefined && status.header.member_id === status.leader) return i;
    }
    throw new Error('no member leads');
  }

  async moveLeader(from: number, to: number): Promise<void> {
    const { header } = await this.#status(to);
    await this.control(from, '/v3/maintenance/transfer-leadership', { targetID: header.member_id });
  }

  /** Takes every alarm away, as `etcdctl alarm disarm` does. */
  async disarm(): Promise<void> {
    const { alarms = [] } = (await this.control(0, '/v3/maintenance/alarm', { action: 'GET' })) as {
      alarms?: readonly object[];
    };
    for (const alarm of alarms)
      await this.control(0, '/v3/maintenance/alarm', { ...alarm, action: 'DEACTIVATE' });
  }

  async #status(i: number): Promise<{ header: { member_id: string }; leader: string }> {
    return (await this.control(i, '/v3/maintenance/status')) as never;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#members.map((_, i) => this.kill(i)));
    await rm(this.#folder, { recursive: true, force: true });
  }

  #logs(): string {
    return this.#members.map(({ log }) => log.split('\n').slice(-3).join(' ')).join(' | ');
  }
}
