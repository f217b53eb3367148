import protobuf from 'protobufjs';
import type { KeyRange } from '../../src/model/keys.js';
import type { Check, MutationRequest, ReadRequest } from '../../src/model/request.js';
import type { VersionedValue } from '../../src/model/value.js';
import { protoFile } from '../../src/transport/proto-files.js';
import type {
  Call,
  ChangeMessage,
  CommitReply,
  FreshnessFields,
  Method,
  ReadAnswerMessage,
  Reply,
  ReplyResult,
  SessionRequest,
  SessionResponse,
  StateReply,
  WatchMessage,
  WatchReply,
} from '../../src/transport/public-api/messages.js';

/**
 * The second opinion on the hand-written codec: protobufjs's reflection of the proto file, fed with plain objects whose
 * fields are those of the proto file. It shares no code with src/transport/public-api/.
 */
const root = protobuf.loadSync(protoFile('meridian/v1/meridian.proto'));

type Plain = Record<string, unknown>;

export interface Reflected {
  encode(plain: object): Uint8Array;
  /** Every field, with its default where it is absent. */
  decode(bytes: Uint8Array): Plain;
}

export function reflected(name: string): Reflected {
  const type = root.lookupType(`meridian.v1.${name}`);
  return {
    encode: (plain) => type.encode(type.fromObject(plain)).finish(),
    decode: (bytes) =>
      type.toObject(type.decode(bytes), { longs: String, bytes: String, defaults: true, oneofs: true }),
  };
}

const bytesOf = (key: string): Buffer => Buffer.from(key, 'latin1');
const isolations = { serializable: 0, snapshot: 1 } as const;

function rangePlain({ start, end }: KeyRange): Plain {
  return { start: bytesOf(start), ...(end === undefined ? {} : { end: bytesOf(end) }) };
}

function rangeUnlessEvery(range: KeyRange): Plain {
  return range.start === '' && range.end === undefined ? {} : { range: rangePlain(range) };
}

function freshnessPlain(freshness: FreshnessFields): Plain {
  const { causal, token, timeoutMs } = freshness;
  return causal || token !== '' || timeoutMs !== 0 ? { freshness } : {};
}

function valuePlain({ version, value, expiresAtMs = 0 }: VersionedValue): Plain {
  const contentType =
    value.kind === 'bytes' && value.contentType !== 'application/octet-stream' ? value.contentType : '';
  const kind = value.kind === 'bytes' ? { bytes: value.bytes } : { counter: String(value.count) };
  return { ...kind, contentType, version, expiresAtMs };
}

function entryPlain({ key, value }: { key: string; value: VersionedValue }): Plain {
  return { key: bytesOf(key), value: valuePlain(value) };
}

function readPlain(read: ReadRequest): Plain {
  if (read.kind === 'key') return { key: bytesOf(read.key) };
  return { range: { ...rangeUnlessEvery(read.range), limit: read.limit, reverse: read.reverse } };
}

function checkPlain({ key, expect }: Check): Plain {
  return { key: bytesOf(key), ...(typeof expect === 'string' ? { [expect]: true } : expect) };
}

function mutationPlain(mutation: MutationRequest): Plain {
  switch (mutation.kind) {
    case 'set': {
      const { key, bytes, contentType, ttlMs = 0 } = mutation;
      const type = contentType === 'application/octet-stream' ? '' : contentType;
      return { set: { key: bytesOf(key), value: bytes, contentType: type, ttlMs } };
    }
    case 'delete':
      return { delete: bytesOf(mutation.key) };
    case 'deleteRange':
      return { deleteRange: rangePlain(mutation.range) };
    default: {
      const { kind, key, operand, ttlMs = 0 } = mutation;
      return { [kind]: { key: bytesOf(key), operand: String(operand), ttlMs } };
    }
  }
}

function methodPlain(method: Method): Plain {
  const { kind } = method;
  switch (kind) {
    case 'read':
      return {
        read: {
          keyspace: method.keyspace,
          keys: method.keys.map(bytesOf),
          ...freshnessPlain(method.freshness),
        },
      };
    case 'list': {
      const { range, freshness, keyspace, limit, reverse, keysOnly } = method;
      const flags = { keyspace, limit, reverse, keysOnly };
      return { list: { ...flags, ...rangeUnlessEvery(range), ...freshnessPlain(freshness) } };
    }
    case 'transact':
      return {
        transact: {
          keyspace: method.keyspace,
          transactionId: method.transactionId,
          attempt: method.attempt,
          isolation: isolations[method.isolation],
          reads: method.reads.map(readPlain),
          checks: method.checks.map(checkPlain),
          mutations: method.mutations.map(mutationPlain),
          ...freshnessPlain(method.freshness),
        },
      };
    case 'begin': {
      const { keyspace, idleTimeoutMs, freshness } = method;
      const isolation = isolations[method.isolation];
      return { begin: { keyspace, idleTimeoutMs, isolation, ...freshnessPlain(freshness) } };
    }
    case 'operate': {
      const { keyspace, transactionId, mutations, reads } = method;
      const operations = { mutations: mutations.map(mutationPlain), reads: reads.map(readPlain) };
      return { operate: { keyspace, transactionId, ...operations } };
    }
    case 'commit': {
      const { keyspace, transactionId, mutations } = method;
      return { commit: { keyspace, transactionId, mutations: mutations.map(mutationPlain) } };
    }
    case 'rollback':
    case 'getTransaction':
      return { [kind]: { keyspace: method.keyspace, transactionId: method.transactionId } };
    case 'ping':
      return { ping: {} };
    case 'cancel':
      return { cancel: { id: method.id } };
  }
}

export function sessionRequestPlain({ calls }: SessionRequest): Plain {
  return {
    calls: calls.map(({ id, timeoutMs, method }: Call) => ({ id, timeoutMs, ...methodPlain(method) })),
  };
}

function commitPlain({ transactionId, gtid, results }: CommitReply): Plain {
  const shown = results.map((result) => (result === null ? {} : { counter: String(result) }));
  return { transactionId, gtid, results: shown };
}

function answerPlain({ entries, rest }: ReadAnswerMessage): Plain {
  return { entries: entries.map(entryPlain), ...restPlain(rest) };
}

function restPlain(rest: KeyRange | undefined): Plain {
  return rest === undefined ? {} : { rest: rangePlain(rest) };
}

function statePlain(reply: StateReply): Plain {
  switch (reply.state) {
    case 'open':
      return { open: reply.snapshot };
    case 'committed':
      return { committed: commitPlain(reply.commit) };
    case 'aborted': {
      const { code, conflict } = reply;
      const winner = conflict && { conflict: { key: bytesOf(conflict.key), gtid: conflict.gtid } };
      return { aborted: { code, ...winner } };
    }
    case 'unknown':
      return { unknown: { node: reply.node, httpAddress: reply.httpAddress } };
  }
}

function resultPlain(result: ReplyResult): Plain {
  switch (result.kind) {
    case 'failure':
      return { failure: result.failure };
    case 'read': {
      const { gtid, values } = result.reply;
      const shown = values.map((value) => (value === undefined ? {} : { value: valuePlain(value) }));
      return { read: { gtid, values: shown } };
    }
    case 'list': {
      const { gtid, entries, rest } = result.reply;
      const shown = entries.map(({ key, version, value }) =>
        value === undefined ? { key: bytesOf(key), value: { version } } : entryPlain({ key, value }),
      );
      return { list: { gtid, entries: shown, ...restPlain(rest) } };
    }
    case 'transact': {
      const { commit, reads } = result.reply;
      return { transact: { commit: commitPlain(commit), reads: reads.map(answerPlain) } };
    }
    case 'begin':
      return { begin: result.reply };
    case 'operate':
      return { operate: { reads: result.reply.reads.map(answerPlain) } };
    case 'commit':
      return { commit: commitPlain(result.reply) };
    case 'state':
      return { state: statePlain(result.reply) };
    case 'pong':
      return { pong: result.reply };
  }
}

export function sessionResponsePlain({ welcome, replies }: SessionResponse): Plain {
  const shown = replies.map(({ id, result }: Reply) => ({ id, ...resultPlain(result) }));
  return { ...(welcome && { welcome }), replies: shown };
}

export function watchRequestPlain({ keyspace, from, range }: WatchMessage): Plain {
  return { keyspace, from, ...rangeUnlessEvery(range) };
}

function changePlain(change: ChangeMessage): Plain {
  if (change.kind === 'set') return { set: entryPlain(change) };
  if (change.kind === 'deleted') return { deleted: bytesOf(change.key) };
  return { deletedRange: rangePlain(change.range) };
}

export function watchResponsePlain({ commits, position }: WatchReply): Plain {
  const shown = commits.map(({ gtid, timeMs, changes }) => ({
    gtid,
    timeMs,
    changes: changes.map(changePlain),
  }));
  return { commits: shown, position };
}
