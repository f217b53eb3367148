import { createHash } from 'node:crypto';
import type { LogFields, Logger } from '../../../src/runtime/runtime.js';
import type { VirtualTime } from './virtual-time.js';

const linesKept = 4000;
const linesHashedAtOnce = 1000;

/** What happened in a world, line by line: the last lines for people, a hash of all of them to compare two runs. */
export class Trace {
  /** Called with what nodes log; `who`: the node, and the keyspace when it is of one. */
  onLog: (who: string, message: string, fields: LogFields) => void = () => {};
  readonly #time: VirtualTime;
  readonly #hash = createHash('sha256');
  #lines: string[] = [];
  #unhashed: string[] = [];

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  add(text: string): void {
    const line = `${this.#time.nowMs.toFixed(3).padStart(11)} ${text}`;
    this.#lines.push(line);
    this.#unhashed.push(line);
    if (this.#unhashed.length < linesHashedAtOnce) return;
    this.#hashLines();
    this.#lines = this.#lines.slice(-linesKept);
  }

  last(count: number): readonly string[] {
    return this.#lines.slice(Math.max(0, this.#lines.length - count));
  }

  /** Of all lines so far. */
  digest(): string {
    this.#hashLines();
    return this.#hash.copy().digest('hex');
  }

  #hashLines(): void {
    this.#hash.update(`${this.#unhashed.join('\n')}\n`);
    this.#unhashed = [];
  }

  /** A node's logger that writes into the trace. */
  logger(node: string): Logger {
    const write = (level: string) => (fields: LogFields, message: string) => {
      this.onLog(node, message, fields);
      this.add(`${node} ${level}: ${message} ${describeFields(fields)}`);
    };
    const logger: Logger = {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      child: (fields) => this.logger(`${node} ${Object.values(fields).map(String).join(' ')}`),
    };
    return logger;
  }
}

function describeFields(fields: LogFields): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${value instanceof Error ? value.message : JSON.stringify(value)}`)
    .join(' ');
}
