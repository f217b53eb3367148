import { succeed, type Failure, type Result } from '../../model/errors.js';
import { limits } from '../../model/limits.js';
import { valueBytes } from '../../model/value.js';
import type { InteractiveTransaction, MutationRequest, ReadRequest } from '../../transaction/service.js';
import type { ReadAnswerMessage } from '../../transport/public-api/messages.js';
import { transactionTooLarge } from '../invalid.js';

/** Buffers mutations in order; the failure of the first that is refused, before which all are buffered. */
export async function bufferMutations(
  transaction: InteractiveTransaction,
  mutations: readonly MutationRequest[],
): Promise<Failure | undefined> {
  for (const mutation of mutations) {
    const buffered = await transaction.mutate(detached(mutation));
    if (!buffered.ok) return buffered.failure;
  }
  return undefined;
}

/** Values are views of a message that may be much larger, and a transaction may stay open for minutes. */
export function detached(mutation: MutationRequest): MutationRequest {
  if (mutation.kind !== 'set') return mutation;
  const { bytes } = mutation;
  return bytes.buffer.byteLength <= 2 * bytes.length ? mutation : { ...mutation, bytes: Buffer.from(bytes) };
}

/** Reads inside of a transaction. Together they may be as large as a page. */
export async function runReads(
  transaction: InteractiveTransaction,
  reads: readonly ReadRequest[],
): Promise<Result<ReadAnswerMessage[]>> {
  const answers: ReadAnswerMessage[] = [];
  let bytes = 0;
  for (const wanted of reads) {
    const answer = await readOne(transaction, wanted);
    if (!answer.ok) return answer;
    answers.push(answer.value);
    bytes += answerBytes(answer.value);
    if (bytes > limits.pageBytesMax && reads.length > 1) {
      return transactionTooLarge('bytes of the values read', limits.pageBytesMax, bytes);
    }
  }
  return succeed(answers);
}

async function readOne(
  transaction: InteractiveTransaction,
  wanted: ReadRequest,
): Promise<Result<ReadAnswerMessage>> {
  if (wanted.kind === 'range') {
    const page = await transaction.list(wanted.range, wanted);
    return page.ok ? succeed({ entries: page.value.entries, rest: page.value.rest }) : page;
  }
  const found = await transaction.get(wanted.key);
  if (!found.ok) return found;
  const { value } = found;
  return succeed({ entries: value === undefined ? [] : [{ key: wanted.key, value }], rest: undefined });
}

/** What an answer takes in a message, about. */
export function answerBytes({ entries }: ReadAnswerMessage): number {
  return entries.reduce((sum, { key, value }) => sum + key.length + valueBytes(value), 0);
}
