import { assertNever } from '../../model/assert.js';
import { fail, succeed, type Result } from '../../model/errors.js';
import { gtid } from '../../model/gtid.js';
import type { TransactionId } from '../../model/ids.js';
import { valueBytes, type VersionedValue } from '../../model/value.js';
import type {
  Committed,
  KeyspaceService,
  ListPage,
  NodeService,
  ReadAnswer,
  TransactionState,
} from '../../transaction/service.js';
import type {
  CommitReply,
  ListedEntry,
  ReadAnswerMessage,
  ReplyResult,
  StateReply,
} from '../../transport/public-api/messages.js';
import { minterFields } from '../minter.js';
import { answerBytes } from './interactive.js';

export function commitReply({ transactionId, gtid: at, results }: Committed): CommitReply {
  return { transactionId, gtid: at, results };
}

export function readAnswer(answer: ReadAnswer): ReadAnswerMessage {
  if (answer.kind === 'range') return { entries: answer.entries, rest: answer.rest };
  const { key, value } = answer;
  return { entries: value === undefined ? [] : [{ key, value }], rest: undefined };
}

export function listedEntry({ key, value }: ListPage['entries'][number], keysOnly: boolean): ListedEntry {
  return { key, version: value.version, value: keysOnly ? undefined : value };
}

interface Stated {
  readonly id: TransactionId;
  readonly state: TransactionState;
}

export function stateReply(
  node: NodeService,
  service: KeyspaceService,
  { id, state }: Stated,
): Result<ReplyResult> {
  const { uuid, state: replica } = service.status();
  if (uuid === undefined) {
    return fail('NODE_NOT_READY', 'the keyspace has no history here', {
      outcome: 'unknown',
      details: { state: replica },
    });
  }
  return succeed({ kind: 'state', reply: describe(node, { id, state }, uuid) });
}

function describe(node: NodeService, { id, state }: Stated, history: Parameters<typeof gtid>[0]): StateReply {
  switch (state.state) {
    case 'open':
      return { state: 'open', snapshot: state.snapshot };
    case 'committed':
      return { state: 'committed', commit: { transactionId: id, gtid: state.gtid, results: state.results } };
    case 'aborted': {
      const { code, conflict } = state;
      const winner = conflict && { key: conflict.key, gtid: gtid(history, conflict.winner) };
      return { state: 'aborted', code, conflict: winner };
    }
    case 'unknown': {
      const { node: minter = '', address = '' } = minterFields(node, id);
      return { state: 'unknown', node: minter, httpAddress: address };
    }
    default:
      return assertNever(state);
  }
}

const replyOverheadBytes = 128;

function bytesOf(value: VersionedValue | undefined): number {
  return value === undefined ? 32 : valueBytes(value);
}

/** A counter with its tags. */
const resultBytesMax = 14;

function resultsBytes({ results }: CommitReply): number {
  return results.length * resultBytesMax;
}

function readsBytes(reads: readonly ReadAnswerMessage[]): number {
  return reads.reduce((sum, answer) => sum + answerBytes(answer), replyOverheadBytes);
}

/** What a reply takes in a message, about. */
export function replyBytes(result: ReplyResult): number {
  switch (result.kind) {
    case 'read':
      return result.reply.values.reduce((sum, value) => sum + bytesOf(value), replyOverheadBytes);
    case 'list':
      return result.reply.entries.reduce(
        (sum, { key, value }) => sum + key.length + bytesOf(value),
        replyOverheadBytes,
      );
    case 'transact':
      return readsBytes(result.reply.reads) + resultsBytes(result.reply.commit);
    case 'operate':
      return readsBytes(result.reply.reads);
    case 'commit':
      return replyOverheadBytes + resultsBytes(result.reply);
    case 'state':
      return (
        replyOverheadBytes + (result.reply.state === 'committed' ? resultsBytes(result.reply.commit) : 0)
      );
    case 'failure':
      return (
        replyOverheadBytes + result.failure.message.length + Buffer.byteLength(result.failure.detailsJson)
      );
    default:
      return replyOverheadBytes;
  }
}
