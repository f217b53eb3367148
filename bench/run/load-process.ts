import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { RegionName, Protocol } from '../model.js';
import type { Answer, Order } from '../load/orders.js';

const program = fileURLToPath(new URL('../load/main.js', import.meta.url));

export interface LoadProcessOptions {
  readonly region: RegionName;
  /** In front of the program, so that it runs in its region; empty: here. */
  readonly command: readonly string[];
  readonly protocol: Protocol;
  readonly address: string;
  readonly seed: number;
}

type AnswerOf<K extends Answer['kind']> = Extract<Answer, { readonly kind: K }>;

/** The clients of one region, in a process of their own, so that they share no thread with a node. */
export class LoadProcess {
  private readonly exited: Promise<unknown>;

  private constructor(
    readonly region: RegionName,
    private readonly child: ChildProcess,
  ) {
    this.exited = once(child, 'exit');
  }

  /** Resolves when its store is open. */
  static async start({ region, command, protocol, address, seed }: LoadProcessOptions): Promise<LoadProcess> {
    const [first, ...rest] = command;
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const;
    const child =
      first === undefined
        ? fork(program, { stdio: [...stdio] })
        : spawn(first, [...rest, process.execPath, program], { stdio: [...stdio] });
    const started = new LoadProcess(region, child);
    try {
      await started.ask({ kind: 'open', protocol, address, seed }, 'done');
    } catch (error) {
      await started.stop();
      throw error;
    }
    return started;
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  /** One order at a time. Rejects when the process says that it failed, or ends. */
  async ask<K extends Answer['kind']>(order: Order, kind: K): Promise<AnswerOf<K>> {
    const ended = this.exited.then(() => ({ kind: 'failed', reason: 'it ended' }) as const);
    const answered = once(this.child, 'message').then(([answer]) => answer as Answer);
    this.child.send(order);
    const answer: Answer = await Promise.race([answered, ended]);
    if (answer.kind === kind) return answer as AnswerOf<K>;
    const reason = answer.kind === 'failed' ? answer.reason : `it answered ${answer.kind}`;
    throw new Error(`the load in ${this.region} failed at ${order.kind}: ${reason}`);
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGKILL');
    await this.exited;
  }
}
