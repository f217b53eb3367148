import { exchange, parseObject } from '../../client/http.js';
import type { Command } from '../context.js';
import { exitCodeOf, exitCodes } from '../exit-codes.js';
import { failureText } from '../failure-text.js';
import { keyPath, targetsOf, type TargetOptions } from '../target.js';

export interface PutOptions extends TargetOptions {
  readonly keyspace: string;
  readonly key: string;
  readonly value: string;
  /** Seconds. */
  readonly ttl?: string | undefined;
  readonly contentType: string;
  readonly idempotencyKey?: string | undefined;
}

const timeoutMs = 70_000;

/** Writes the commit's GTID, which `get --after` takes. */
export const put: Command<PutOptions> = async (options, context) => {
  const { terminal, runtime } = context;
  const [target] = await targetsOf(options, context);
  const outcome = await exchange(
    target!,
    {
      method: 'PUT',
      path: keyPath(options.keyspace, options.key),
      query: { ttl: options.ttl },
      headers: { 'content-type': options.contentType, 'idempotency-key': options.idempotencyKey },
      body: Buffer.from(options.value, 'utf8'),
      timeoutMs,
    },
    runtime.timers,
  );
  if (outcome.kind !== 'answer') {
    terminal.say(failureText(outcome, true));
    return exitCodeOf(outcome, true);
  }
  const gtid = parseObject(outcome.body)?.['gtid'];
  await terminal.out(`${typeof gtid === 'string' ? gtid : outcome.body.toString('utf8')}\n`);
  return exitCodes.ok;
};
