import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Answer, Order, PhaseReport } from '../../bench/load/orders.js';
import { packageRoot } from '../../src/local/package-root.js';

/** A built load process of the benchmarks, against one node's HTTP API. */
export class TestLoad {
  private constructor(private readonly child: ChildProcess) {}

  static async start(httpUrl: string, seed: number): Promise<TestLoad> {
    const load = new TestLoad(fork(join(packageRoot, 'dist/bench/load/main.js')));
    await load.ask({ kind: 'open', protocol: 'http', address: new URL(httpUrl).host, seed }, 'done');
    return load;
  }

  async ask<K extends Answer['kind']>(order: Order, kind: K): Promise<Extract<Answer, { kind: K }>> {
    const answered = once(this.child, 'message');
    this.child.send(order);
    const [answer] = (await answered) as [Answer];
    if (answer.kind !== kind) throw new Error(JSON.stringify(answer));
    return answer as Extract<Answer, { kind: K }>;
  }

  async stop(): Promise<void> {
    const exited = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exited;
  }
}

/** All answers of several reports together, by what they were. */
export function answersOf(reports: readonly PhaseReport[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { answers } of reports)
    for (const [name, count] of Object.entries(answers)) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}
