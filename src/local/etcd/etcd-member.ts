import { exchange, parseObject } from '../../client/http.js';
import type { RegionId } from '../../model/ids.js';
import { delay, type Runtime } from '../../runtime/runtime.js';
import { formatAddress, type Address } from '../../server/config/address.js';
import type { ProcessRun } from '../process-run.js';
import { SupervisedProcess, type ProcessEvent } from '../supervised-process.js';

/** What the three members are told alike, beside each other's addresses. ms */
export interface EtcdTiming {
  readonly heartbeatMs: number;
  readonly electionMs: number;
}

export interface EtcdMemberOptions {
  readonly name: string;
  readonly region: RegionId;
  /** Decimal, as etcd's own. */
  readonly id: string;
  readonly client: Address;
  /** What the others know it by, and where it listens to them: the same unless a link is between them. */
  readonly peer: Address;
  readonly peerListen: Address;
  /** `name=url,…` of all members. */
  readonly initialCluster: string;
  readonly timing: EtcdTiming;
  readonly dataDirectory: string;
  readonly logFile: string;
  readonly runtime: Runtime;
  readonly restart: boolean;
  readonly onEvent: (event: ProcessEvent) => void;
}

/** What a member says of itself. Ids are decimal: they exceed 2^53. */
export interface EtcdStatus {
  readonly version: string;
  /** Undefined while it knows of none. */
  readonly leaderId: string | undefined;
  readonly dbBytes: number;
}

export const initialClusterToken = 'meridian-local';
const quotaBytes = 2 * 1024 ** 3;
const pollMs = 50;
const askMsMax = 1000;

/** One member of a local cluster's etcd. It serves clients only while, or after, it has seen a leader. */
export class EtcdMember extends SupervisedProcess {
  readonly name: string;
  readonly region: RegionId;
  readonly id: string;
  readonly client: Address;
  readonly #runtime: Runtime;

  constructor(options: EtcdMemberOptions) {
    const { name, logFile, runtime, restart, onEvent } = options;
    super({
      ...{ name, logFile, runtime, restart, onEvent: (event) => void (isTold(event) && onEvent(event)) },
      command: ['etcd', ...flagsOf(options)],
      // What ETCD_ variables say would be mixed with the flags.
      environment: Object.fromEntries(
        Object.entries(process.env).filter(([variable]) => !variable.startsWith('ETCD_')),
      ),
      ipc: false,
      serves: (run) => this.#serves(run),
    });
    this.name = name;
    this.region = options.region;
    this.id = options.id;
    this.client = options.client;
    this.#runtime = runtime;
  }

  get url(): string {
    return `http://${formatAddress(this.client)}`;
  }

  /** Undefined when it does not answer within a second. */
  async status(): Promise<EtcdStatus | undefined> {
    const fields = await this.#ask('/v3/maintenance/status', {});
    if (fields === undefined) return undefined;
    const { leader, version, dbSize } = fields;
    const leaderId = typeof leader === 'string' && leader !== '0' ? leader : undefined;
    return { version: String(version), leaderId, dbBytes: Number(dbSize) };
  }

  /** This member leads; asked of it, `to` does from now on. Rejects when it does not lead or the other is too far behind. */
  async transferLeadership(to: EtcdMember): Promise<void> {
    const answer = await this.#ask('/v3/maintenance/transfer-leadership', { targetID: to.id });
    if (answer === undefined) throw new Error(`${this.name} did not hand etcd's leadership to ${to.name}`);
  }

  async #serves(run: ProcessRun): Promise<void> {
    while (run.running && (await this.status())?.leaderId === undefined)
      await delay(this.#runtime.timers, pollMs);
  }

  async #ask(path: string, body: object): Promise<Readonly<Record<string, unknown>> | undefined> {
    const question = { method: 'POST', path, timeoutMs: askMsMax } as const;
    const bytes = Buffer.from(JSON.stringify(body));
    const outcome = await exchange({ url: this.url }, { ...question, body: bytes }, this.#runtime.timers);
    return outcome.kind === 'answer' ? parseObject(outcome.body) : undefined;
  }
}

/** The member that leads, as most of those see it that answer; undefined while there is none, or it does not run. */
export async function leaderOf(members: readonly EtcdMember[]): Promise<EtcdMember | undefined> {
  const statuses = await Promise.all(members.map((member) => member.status()));
  const votes = statuses.map((status) => status?.leaderId).filter((id) => id !== undefined);
  return members.find(({ id }) => votes.filter((vote) => vote === id).length * 2 > members.length);
}

/** etcd warns of a slow disk or a peer that is gone, its gRPC library without JSON; that stays in its log file. */
function isTold(event: ProcessEvent): boolean {
  if (event.kind !== 'log') return true;
  const { level, text } = event.line;
  return level === 'error' || (level === 'crash' && !/^(INFO|WARNING): /.test(text));
}

function flagsOf(options: EtcdMemberOptions): string[] {
  const { name, client, peer, peerListen, initialCluster, timing, dataDirectory } = options;
  const url = (address: Address): string => `http://${formatAddress(address)}`;
  const flags = {
    name,
    'data-dir': dataDirectory,
    'listen-client-urls': url(client),
    'advertise-client-urls': url(client),
    'listen-peer-urls': url(peerListen),
    'initial-advertise-peer-urls': url(peer),
    'initial-cluster': initialCluster,
    'initial-cluster-token': initialClusterToken,
    'heartbeat-interval': timing.heartbeatMs,
    'election-timeout': timing.electionMs,
    // Without auto-compaction: the sequencer of a keyspace trims its log and compacts.
    'quota-backend-bytes': quotaBytes,
    'log-level': 'warn',
    logger: 'zap',
  };
  return Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
}
