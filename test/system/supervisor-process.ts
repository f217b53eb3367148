import { spawn, type ChildProcess } from 'node:child_process';
import { eventually } from '../support/eventually.js';

/** `make run`, as a user has it: the built supervisor in a process of its own. */
export class Supervisor {
  output = '';
  private readonly child: ChildProcess;
  private ended: { code: number | null; signal: string | null } | undefined;

  constructor(args: readonly string[], environment: Record<string, string> = {}) {
    this.child = spawn(process.execPath, ['dist/src/local/main.js', ...args], {
      env: { ...process.env, ...environment },
    });
    for (const stream of [this.child.stdout!, this.child.stderr!])
      stream.on('data', (bytes: Buffer) => (this.output += bytes.toString('utf8')));
    this.child.once('close', (code, signal) => (this.ended = { code, signal }));
  }

  async serves(): Promise<void> {
    await eventually(
      () => {
        if (this.ended !== undefined) throw new Error(`it ended: ${this.output}`);
        return this.output.includes('Ctrl-C stops the cluster');
      },
      { withinMs: 60_000 },
    );
  }

  get hasEnded(): boolean {
    return this.ended !== undefined;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async exit(): Promise<number | string | null> {
    await eventually(() => this.ended !== undefined, { withinMs: 60_000, what: 'the end of the supervisor' });
    return this.ended!.code ?? this.ended!.signal;
  }
}
