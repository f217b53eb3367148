import { openStream, parseObject, problemOf, unanswered, type HttpTarget } from '../../client/http.js';
import { delay } from '../../runtime/runtime.js';
import type { CliContext, Command } from '../context.js';
import { eventsOf } from '../event-stream.js';
import { exitCodeOf, exitCodes, type ExitCode, type FailedExchange } from '../exit-codes.js';
import { failureText } from '../failure-text.js';
import { targetsOf, type TargetOptions } from '../target.js';

export interface WatchOptions extends TargetOptions {
  readonly keyspace: string;
  readonly prefix?: string | undefined;
  /** A GTID: what comes after it; or `oldest`. */
  readonly from?: string | undefined;
}

const reconnectMs = 1000;

/**
 * Prints the commits of a change feed, one JSON object per line, until a signal comes. Where a stream breaks it goes on at
 * the next node, without gap or repeat; it gives up when no node has ever answered, or one says that going on is no use.
 */
export const watch: Command<WatchOptions> = async (options, context) => {
  const targets = await targetsOf(options, context);
  const abort = new AbortController();
  void context.untilStopped().then(() => abort.abort());
  const watcher = new Watcher(options, context, abort.signal);
  for (let attempt = 0; ; attempt++) {
    const failed = await watcher.follow(targets[attempt % targets.length]!);
    if (abort.signal.aborted || context.terminal.unread) return exitCodes.ok;
    const isLast = watcher.position === undefined && attempt + 1 >= targets.length;
    if (failed !== undefined && (isLast || isFinal(failed))) return end(failed, context);
    if (failed !== undefined) context.terminal.say(failureText(failed, false));
    await delay(context.runtime.timers, reconnectMs);
  }
};

function isFinal(failed: FailedExchange): boolean {
  return failed.kind === 'problem' && failed.fields['retry'] === 'no';
}

function end(failed: FailedExchange, context: CliContext): ExitCode {
  context.terminal.say(failureText(failed, false));
  return exitCodeOf(failed, false);
}

class Watcher {
  /** Of the last event that was printed or passed. */
  position: string | undefined;
  readonly #options: WatchOptions;
  readonly #context: CliContext;
  readonly #signal: AbortSignal;

  constructor(options: WatchOptions, context: CliContext, signal: AbortSignal) {
    this.#options = options;
    this.#context = context;
    this.#signal = signal;
  }

  /** Follows one stream to its end; undefined when it ended without a reason. */
  async follow(target: HttpTarget): Promise<FailedExchange | undefined> {
    const { keyspace, prefix, from } = this.#options;
    const question = {
      path: `/v1/keyspaces/${encodeURIComponent(keyspace)}/changes`,
      query: { prefix, from },
      headers: { 'last-event-id': this.position },
    };
    const stream = await openStream(target, question, this.#signal);
    if (stream.kind !== 'stream') return stream;
    try {
      for await (const { type, data, id } of eventsOf(stream.body)) {
        if (type === 'error') return problemIn(data);
        if (type === 'message') await this.#context.terminal.out(`${oneLine(data)}\n`);
        if (id !== undefined) this.position = id;
        if (this.#context.terminal.unread) return undefined;
      }
      return undefined;
    } catch (error) {
      return unanswered(target, error);
    }
  }
}

function problemIn(data: string): FailedExchange | undefined {
  const fields = parseObject(Buffer.from(data));
  return problemOf(fields, Number(fields?.['status']));
}

/** Stored JSON may have line breaks between its tokens. */
function oneLine(json: string): string {
  return json.replaceAll('\n', ' ');
}
