import { delay, type Runtime } from '../runtime/runtime.js';
import { BoundedLog } from './bounded-log.js';
import { readLogLine, type LogLine } from './log-line.js';
import { ProcessRun, type Exit } from './process-run.js';
import { ClusterStartError } from './start-error.js';

export interface SupervisedOptions {
  /** A node's id, or an etcd member's name. */
  readonly name: string;
  readonly command: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly ipc: boolean;
  readonly logFile: string;
  readonly runtime: Runtime;
  /** Whether it is started again when it dies unasked. */
  readonly restart: boolean;
  readonly onEvent: (event: ProcessEvent) => void;
  /** Resolves when this run serves; need not settle when the run ends before. */
  readonly serves: (run: ProcessRun) => Promise<void>;
}

export type ProcessEvent =
  | { readonly kind: 'log'; readonly name: string; readonly line: LogLine }
  /** It ended unasked; `restartMs`: when it will be started again, undefined: it will not. */
  | {
      readonly kind: 'died';
      readonly name: string;
      readonly exit: Exit;
      readonly restartMs: number | undefined;
    }
  | { readonly kind: 'restarted'; readonly name: string };

const restartMsMin = 500;
const restartMsMax = 10_000;
/** A run that lasts this long counts as well: the next death begins with the shortest wait again. */
const soundRunMs = 30_000;

/** One process of a local cluster, over as many runs as it takes. */
export class SupervisedProcess {
  private process: ProcessRun | undefined;
  private wanted = false;
  private deaths = 0;
  private log: BoundedLog | undefined;

  constructor(private readonly options: SupervisedOptions) {}

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

  /** Resolves when it serves; a ClusterStartError with its own words when it ends instead. */
  async start(): Promise<void> {
    if (this.running) return;
    this.wanted = true;
    const run = this.spawn();
    const exit = await Promise.race([this.options.serves(run), run.exited]);
    if (exit !== undefined) throw new ClusterStartError(this.startFailure(exit));
    this.supervise(run);
  }

  /** Ends the process without a word (SIGKILL) and waits until it is gone; nothing starts it again but `start`. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit | undefined> {
    this.wanted = false;
    this.process?.signal(signal);
    return this.process?.exited;
  }

  /** Ends the process in order; SIGKILL when that takes longer than `withinMs`, 10 s when not given. */
  async stop(withinMs?: number): Promise<Exit | undefined> {
    this.wanted = false;
    const exit = await this.process?.stop(withinMs);
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

  private spawn(): ProcessRun {
    const { name, command, environment, ipc, logFile, runtime, onEvent } = this.options;
    this.log ??= new BoundedLog(logFile);
    this.process = new ProcessRun({
      ...{ command, environment, ipc, log: this.log, timers: runtime.timers },
      onErrorLine: (text) => onEvent({ kind: 'log', name, line: readLogLine(text) }),
    });
    return this.process;
  }

  /** Starts it again, with growing waits, as long as it is wanted. */
  private supervise(run: ProcessRun): void {
    const { name, restart, runtime, onEvent, serves } = this.options;
    const beganMs = runtime.clock.monotonicMs();
    void run.exited.then(async (exit) => {
      if (!this.wanted || this.process !== run) return;
      if (runtime.clock.monotonicMs() - beganMs >= soundRunMs) this.deaths = 0;
      const restartMs = restart ? Math.min(restartMsMin * 2 ** this.deaths++, restartMsMax) : undefined;
      onEvent({ kind: 'died', name, exit, restartMs });
      if (restartMs === undefined) return;
      await delay(runtime.timers, restartMs);
      if (!this.wanted || this.process !== run) return;
      const next = this.spawn();
      this.supervise(next);
      void serves(next).then(() => onEvent({ kind: 'restarted', name }));
    });
  }

  private startFailure(exit: Exit): string {
    const { name, logFile } = this.options;
    const said = exit.lastLines.map((line) => `  ${readLogLine(line).text}`).join('\n');
    return `${name} ${exitText(exit)} while it was starting. Its last words, also in ${logFile}:\n${said}`;
  }
}

/** `died by SIGKILL`, `exited with 1`. */
export function exitText({ code, signal }: Exit): string {
  return signal === null ? `exited with ${code ?? 'an error'}` : `died by ${signal}`;
}
