import { exchange, parseObject, type HttpTarget } from '../client/http.js';
import type { CliContext } from './context.js';
import { exitCodeOf, exitCodes, type ExitCode, type FailedExchange } from './exit-codes.js';
import { failureText } from './failure-text.js';
import type { Json } from './json-fields.js';

export type { Json } from './json-fields.js';

export interface AdminQuestion {
  readonly keyspace: string;
  /** Below the keyspace: '', 'rejoin', 'recovery', 'check', 'forget-node'. */
  readonly operation?: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** With one it is a POST, and asks for a change. */
  readonly body?: Json;
  readonly timeoutMs?: number;
}

export interface AdminAnswer {
  readonly kind: 'json';
  readonly json: Json;
}

const timeoutMsDefault = 10_000;

/** Asks the admin API of one node. */
export async function askAdmin(
  target: HttpTarget,
  { keyspace, operation = '', query, body, timeoutMs = timeoutMsDefault }: AdminQuestion,
  { runtime }: CliContext,
): Promise<AdminAnswer | FailedExchange> {
  const below = operation === '' ? '' : `/${operation}`;
  const outcome = await exchange(
    target,
    {
      method: body === undefined ? 'GET' : 'POST',
      path: `/v1/admin/keyspaces/${encodeURIComponent(keyspace)}${below}`,
      timeoutMs,
      ...(query === undefined ? {} : { query }),
      ...(body === undefined
        ? {}
        : {
            body: Buffer.from(JSON.stringify(body)),
            headers: { 'content-type': 'application/json' },
          }),
    },
    runtime.timers,
  );
  if (outcome.kind !== 'answer') return outcome;
  const json = parseObject(outcome.body);
  return json === undefined
    ? { kind: 'no-answer', message: `${target.url} does not answer like a node of Meridian` }
    : { kind: 'json', json };
}

/** Says what failed. `changes`: whether the request, had it been carried out, would have changed something. */
export function endFailed(failed: FailedExchange, changes: boolean, { terminal }: CliContext): ExitCode {
  terminal.say(failureText(failed, false));
  if (failed.kind !== 'no-answer' || !changes) return exitCodeOf(failed, false);
  terminal.say('The node may be doing it all the same: see `meridian status`.');
  return exitCodes.unknownOutcome;
}
