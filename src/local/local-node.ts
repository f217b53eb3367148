import { exchange } from '../client/http.js';
import type { NodeId, RegionId } from '../model/ids.js';
import { delay, type Runtime } from '../runtime/runtime.js';
import { httpUrl } from '../server/config/address.js';
import type { ClusterNode } from '../server/config/config.js';
import { BoundedLog } from './bounded-log.js';
import { readLogLine, type LogLine } from './log-line.js';
import { NodeProcess, type Exit } from './node-process.js';
import { ClusterStartError } from './start-error.js';

export interface LocalNodeOptions {
  readonly node: ClusterNode;
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly logFile: string;
  readonly runtime: Runtime;
  /** Whether a node that dies unasked is started again. */
  readonly restart: boolean;
  readonly onEvent: (event: NodeEvent) => void;
}

export type NodeEvent =
  | { readonly kind: 'log'; readonly node: NodeId; readonly line: LogLine }
  /** It ended unasked; `restartMs`: when it will be started again, undefined: it will not. */
  | {
      readonly kind: 'died';
      readonly node: NodeId;
      readonly exit: Exit;
      readonly restartMs: number | undefined;
    }
  | { readonly kind: 'restarted'; readonly node: NodeId };

const restartMsMin = 500;
const restartMsMax = 10_000;
/** A run that lasts this long counts as well: the next death begins with the shortest wait again. */
const soundRunMs = 30_000;

/** One node of a local cluster, over as many runs of its process as it takes. */
export class LocalNode {
  readonly id: NodeId;
  readonly region: RegionId;
  readonly httpUrl: string;
  private process: NodeProcess | undefined;
  private wanted = false;
  private deaths = 0;
  private log: BoundedLog | undefined;

  constructor(private readonly options: LocalNodeOptions) {
    const { id, region, http } = options.node;
    this.id = id;
    this.region = region;
    this.httpUrl = httpUrl(http);
  }

  /** Of the run that is now, or was last; -1 before the first. */
  get pid(): number {
    return this.process?.pid ?? -1;
  }

  get running(): boolean {
    return this.process?.running === true;
  }

  /** Not running, and nothing will start it by itself. */
  get down(): boolean {
    return !this.running && !(this.wanted && this.options.restart);
  }

  /** Resolves when the node listens; a ClusterStartError with its own words when it ends instead. */
  async start(): Promise<void> {
    if (this.running) return;
    this.wanted = true;
    const run = this.spawn();
    const exit = await Promise.race([run.started, run.exited]);
    if (exit !== undefined) throw new ClusterStartError(startFailure(this.id, exit, this.options.logFile));
    this.supervise(run);
  }

  /** Ends the process without a word (SIGKILL) and waits until it is gone; nothing starts it again but `start`. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit | undefined> {
    this.wanted = false;
    this.process?.signal(signal);
    return this.process?.exited;
  }

  /** Ends the process in order; SIGKILL when that takes longer than 10 s. */
  async stop(): Promise<Exit | undefined> {
    this.wanted = false;
    const exit = await this.process?.stop();
    this.log?.close();
    this.log = undefined;
    return exit;
  }

  /** Stands still, with all connections open. */
  pause(): void {
    this.process?.signal('SIGSTOP');
  }

  resume(): void {
    this.process?.signal('SIGCONT');
  }

  /** Undefined when the node would take requests for this purpose in every keyspace; else why not. */
  async notReady(purpose: 'read' | 'write'): Promise<string | undefined> {
    const question = { method: 'GET', path: '/readyz', query: { for: purpose }, timeoutMs: 2000 } as const;
    const outcome = await exchange({ url: this.httpUrl }, question, this.options.runtime.timers);
    switch (outcome.kind) {
      case 'answer':
        return undefined;
      case 'problem':
        return `${outcome.detail} ${JSON.stringify(outcome.fields['keyspaces'] ?? '')}`;
      case 'unreachable':
      case 'no-answer':
        return outcome.message;
    }
  }

  private spawn(): NodeProcess {
    const { program, args, environment, logFile, runtime, onEvent } = this.options;
    this.log ??= new BoundedLog(logFile);
    this.process = new NodeProcess({
      ...{ program, args, environment, log: this.log, timers: runtime.timers },
      onErrorLine: (text) => onEvent({ kind: 'log', node: this.id, line: readLogLine(text) }),
    });
    return this.process;
  }

  /** Starts the node again, with growing waits, as long as it is wanted. */
  private supervise(run: NodeProcess): void {
    const { restart, runtime, onEvent } = this.options;
    const beganMs = runtime.clock.monotonicMs();
    void run.exited.then(async (exit) => {
      if (!this.wanted || this.process !== run) return;
      if (runtime.clock.monotonicMs() - beganMs >= soundRunMs) this.deaths = 0;
      const restartMs = restart ? Math.min(restartMsMin * 2 ** this.deaths++, restartMsMax) : undefined;
      onEvent({ kind: 'died', node: this.id, exit, restartMs });
      if (restartMs === undefined) return;
      await delay(runtime.timers, restartMs);
      if (!this.wanted || this.process !== run) return;
      const next = this.spawn();
      this.supervise(next);
      void next.started.then(() => onEvent({ kind: 'restarted', node: this.id }));
    });
  }
}

/** `died by SIGKILL`, `exited with 1`. */
export function exitText({ code, signal }: Exit): string {
  return signal === null ? `exited with ${code ?? 'an error'}` : `died by ${signal}`;
}

function startFailure(id: NodeId, exit: Exit, logFile: string): string {
  const said = exit.lastLines.map((line) => `  ${readLogLine(line).text}`).join('\n');
  return `Node ${id} ${exitText(exit)} while it was starting. Its last words, also in ${logFile}:\n${said}`;
}
