import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface ServerProcessOptions {
  readonly name: string;
  readonly command: readonly string[];
  /** Its output is appended here. */
  readonly logFile: string;
  readonly environment?: Readonly<Record<string, string>> | undefined;
  readonly directory?: string | undefined;
  /** It speaks IPC and ends by itself when the channel closes; what does not is killed by the kernel when this process dies. */
  readonly ipc?: boolean | undefined;
}

const stopMsMax = 20_000;
const pollMs = 50;
const logLines = 15;

/** Children that this process leaves behind, however it dies, are killed by the kernel. */
const dieWithParent = ['setpriv', '--pdeathsig', 'KILL', '--'];

/** A server that the benchmark started. It has a process group of its own: Ctrl-C reaches the runner alone, which stops it. */
export class ServerProcess {
  private readonly child: ChildProcess;
  private readonly exited: Promise<unknown>;

  constructor(private readonly options: ServerProcessOptions) {
    const { command, logFile, environment, directory: cwd, ipc = false } = options;
    mkdirSync(dirname(logFile), { recursive: true });
    const log = openSync(logFile, 'a');
    const [program, ...args] = ipc ? command : [...dieWithParent, ...command];
    const env = { ...process.env, ...environment };
    this.child = spawn(program!, args, {
      stdio: ['ignore', log, log, ...(ipc ? (['ipc'] as const) : [])],
      detached: true,
      env,
      ...(cwd === undefined ? {} : { cwd }),
    });
    closeSync(log);
    this.exited = Promise.race([once(this.child, 'exit'), once(this.child, 'error')]);
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  get running(): boolean {
    return this.child.pid !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** The first message on its IPC channel. Rejects when it ends instead. */
  async message<T>(): Promise<T> {
    const said = once(this.child, 'message').then(([message]) => message as T);
    const ended = this.exited.then(() => Promise.reject(this.failure('ended')));
    return Promise.race([said, ended]);
  }

  /** Waits until `probe` holds. Rejects when the process ends, or when that takes longer than `withinMs`. */
  async until(probe: () => Promise<boolean>, withinMs: number): Promise<void> {
    const late = performance.now() + withinMs;
    while (!(await probe())) {
      if (!this.running) throw this.failure('ended');
      if (performance.now() > late) throw this.failure(`was not ready within ${withinMs / 1000} s`);
      await delay(pollMs);
    }
  }

  /** Of a program that ends by itself. Rejects unless it ends with 0. */
  async succeeded(): Promise<void> {
    await this.exited;
    if (this.child.exitCode !== 0) throw this.failure('failed');
  }

  /** For the process and those that it has started. */
  signal(signal: NodeJS.Signals): void {
    if (this.running) process.kill(-this.pid, signal);
  }

  /** SIGTERM, and SIGKILL when that does not end it. */
  async stop(): Promise<void> {
    if (!this.running) return;
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), stopMsMax);
    await this.exited;
    clearTimeout(timer);
  }

  private failure(what: string): Error {
    const { name, logFile } = this.options;
    const tail = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-logLines).join('\n');
    return new Error(`${name} ${what}; the end of ${logFile}:\n${tail}`);
  }
}
