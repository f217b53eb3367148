import type { FailedExchange } from './exit-codes.js';

/** A failed exchange for people: what happened, and what is known of the write. */
export function failureText(failed: FailedExchange, writes: boolean): string {
  switch (failed.kind) {
    case 'unreachable':
      return `no node can be reached at ${failed.message}`;
    case 'no-answer':
      return writes
        ? `${failed.message}\nOutcome: unknown. The write may or may not be committed.`
        : failed.message;
    case 'problem':
      return problemText(failed, writes);
  }
}

function problemText(problem: Extract<FailedExchange, { kind: 'problem' }>, writes: boolean): string {
  const lines = [`${problem.code}: ${problem.detail}`];
  const conflict = conflictOf(problem.fields['conflict']);
  if (conflict !== undefined) lines.push(`Conflict: ${conflict}`);
  if (writes) {
    lines.push(`Outcome: ${problem.outcome}${retryText(problem.fields['retry'])}`);
    const id = problem.fields['transactionId'];
    if (typeof id === 'string') lines.push(`Transaction: ${id}`);
  }
  return lines.join('\n');
}

function conflictOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { key, gtid } = value as Record<string, unknown>;
  return `key ${JSON.stringify(key)} was written by ${String(gtid)}`;
}

const advice: Readonly<Record<string, string>> = {
  'new-snapshot': 'Read again and retry.',
  'same-id': 'Retry with the same --idempotency-key only.',
  later: 'Retry later.',
  'after-delay': 'Retry after a moment.',
  elsewhere: 'Retry at another node.',
  yes: 'Retry.',
};

function retryText(retry: unknown): string {
  const text = typeof retry === 'string' && Object.hasOwn(advice, retry) ? advice[retry] : undefined;
  return text === undefined ? '' : `. ${text}`;
}
