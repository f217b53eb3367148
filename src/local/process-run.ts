import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { delay, type Timers } from '../runtime/runtime.js';
import type { BoundedLog } from './bounded-log.js';

export interface ProcessRunOptions {
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** It speaks IPC, says `started`, and ends by itself when the channel closes. */
  readonly ipc: boolean;
  readonly log: BoundedLog;
  readonly timers: Timers;
  /** Lines of its standard error: its log, or a crash. */
  readonly onErrorLine: (line: string) => void;
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last lines of its standard error, for a message. */
  readonly lastLines: readonly string[];
}

const lastLinesMax = 20;
const lineCharsMax = 64 * 1024;
const stopMsDefault = 10_000;
const setpriv = '/usr/bin/setpriv';

/** Linux only; elsewhere such a child outlives a supervisor that was killed. */
function dieWithParent(): string[] {
  return existsSync(setpriv) ? [setpriv, '--pdeathsig', 'KILL', '--'] : [];
}

/**
 * One run of a program. It has a process group of its own, so that Ctrl-C reaches the supervisor alone. When the supervisor
 * dies, however it dies, the IPC channel closes and a node stops by itself; what speaks no IPC is killed by the kernel.
 */
export class ProcessRun {
  readonly exited: Promise<Exit>;
  /** Resolves once it says over IPC that it listens; never when it ends before. */
  readonly started: Promise<void>;
  private readonly child: ChildProcess;
  private readonly lastLines: string[] = [];
  private ended = false;

  constructor(private readonly options: ProcessRunOptions) {
    const { command, environment, ipc } = options;
    const [program, ...args] = ipc ? command : [...dieWithParent(), ...command];
    this.child = spawn(program!, args, {
      stdio: ['ignore', 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])],
      detached: true,
      env: environment,
    });
    this.started = new Promise((resolve) => {
      this.child.on('message', (message) => {
        if ((message as { type?: unknown }).type === 'started') resolve();
      });
    });
    this.record();
    this.exited = this.watch();
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  get running(): boolean {
    return !this.ended;
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.ended) this.child.kill(signal);
  }

  /** SIGTERM, and SIGKILL when that does not help within `withinMs`; also when the process is stopped (SIGSTOP). */
  async stop(withinMs = stopMsDefault): Promise<Exit> {
    this.signal('SIGTERM');
    this.signal('SIGCONT');
    const late = delay(this.options.timers, withinMs).then(() => 'late' as const);
    if ((await Promise.race([this.exited, late])) === 'late') this.signal('SIGKILL');
    return this.exited;
  }

  private watch(): Promise<Exit> {
    return new Promise((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null): void => {
        this.ended = true;
        resolve({ code, signal, lastLines: this.lastLines });
      };
      // After 'exit' and after the last byte of both streams.
      this.child.once('close', end);
      this.child.on('error', (error) => {
        this.lastLines.push(error.message);
        // It never ran, so 'close' will not come.
        if (this.child.pid === undefined) end(null, null);
      });
    });
  }

  private record(): void {
    const { log, onErrorLine } = this.options;
    const follow = (stream: Readable, onLine: (line: string) => void): void => {
      let rest = '';
      stream.setEncoding('utf8').on('data', (text: string) => {
        log.write(Buffer.from(text));
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        if (rest.length > lineCharsMax) lines.push(rest.slice(0, lineCharsMax), (rest = ''));
        lines.filter((line) => line !== '').forEach(onLine);
      });
    };
    follow(this.child.stdout!, () => {});
    follow(this.child.stderr!, (line) => {
      this.lastLines.push(line);
      if (this.lastLines.length > lastLinesMax) this.lastLines.shift();
      onErrorLine(line);
    });
  }
}
