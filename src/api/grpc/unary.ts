import type { sendUnaryData, ServerUnaryCall, UntypedHandleCall } from '@grpc/grpc-js';
import { failure, succeed, type Failure, type OutcomeWord, type Result } from '../../model/errors.js';
import { limits } from '../../model/limits.js';
import { MalformedMessage, methods, type Codec } from '../../transport/public-api/codec.js';
import type { ClusterReply, ReplyResult, StateHashReply } from '../../transport/public-api/messages.js';
import type { UnaryMethod } from '../../transport/public-api/service.js';
import { clusterView } from '../cluster-view.js';
import { valueTooLarge } from '../invalid.js';
import { keyspaceNotFound } from '../refusals.js';
import type { Doorkeeper } from './access.js';
import { malformed, statusOf } from './failures.js';
import {
  abandon,
  runMethod,
  timedOut,
  tooManyCalls,
  withId,
  type GrpcContext,
  type KeyspaceMethod,
} from './methods.js';
import type { RequestBytes } from './request-bytes.js';

export interface UnaryContext extends GrpcContext {
  readonly doorkeeper: Doorkeeper;
  /** The calls that are not answered yet: a node that stops waits for them. */
  readonly underWay: Set<Promise<void>>;
  readonly requestBytes: RequestBytes;
}

type UnaryCall = ServerUnaryCall<Uint8Array, Uint8Array>;
type Answer = sendUnaryData<Uint8Array>;

/** What a method does with its decoded request, and with its answer. */
interface UnaryBehaviour<Request> {
  readonly request: Codec<Request>;
  /** What is known of an id when the request is not understood. */
  readonly refusedOutcome: OutcomeWord;
  run(context: UnaryContext, call: UnaryCall, request: Request): Promise<Result<Uint8Array>>;
}

/** The implementations of all unary methods. */
export function unaryHandlers(context: UnaryContext): Record<UnaryMethod, UntypedHandleCall> {
  const handlers: Partial<Record<UnaryMethod, UntypedHandleCall>> = {
    getCluster: handle(context, getCluster),
    getStateHash: handle(context, getStateHash),
  };
  for (const kind of keyspaceMethods) handlers[kind] = handle(context, onKeyspace(kind));
  return handlers as Record<UnaryMethod, UntypedHandleCall>;
}

const keyspaceMethods = [
  'read',
  'list',
  'transact',
  'begin',
  'operate',
  'commit',
  'rollback',
  'getTransaction',
] as const satisfies readonly KeyspaceMethod['kind'][];

function handle<Request>(context: UnaryContext, behaviour: UnaryBehaviour<Request>): UntypedHandleCall {
  const answering = async (call: UnaryCall, answer: Answer): Promise<void> => {
    const result = await answerOf(context, behaviour, call);
    if (result.ok) answer(null, Buffer.from(result.value));
    else answer(statusOf(result.failure));
  };
  return ((call: UnaryCall, answer: Answer) => {
    const answered = answering(call, answer);
    context.underWay.add(answered);
    void answered.finally(() => context.underWay.delete(answered));
  }) as UntypedHandleCall;
}

async function answerOf<Request>(
  context: UnaryContext,
  { request, refusedOutcome, run }: UnaryBehaviour<Request>,
  call: UnaryCall,
): Promise<Result<Uint8Array>> {
  const refused = context.doorkeeper(call.metadata, refusedOutcome) ?? tooLarge(call.request, refusedOutcome);
  if (refused !== undefined) return { ok: false, failure: refused };
  try {
    return await run(context, call, request.decode(call.request));
  } catch (error) {
    if (error instanceof MalformedMessage) return { ok: false, failure: malformed(error, refusedOutcome) };
    context.runtime.logger.error({ err: error, path: call.getPath() }, 'a call failed');
    const outcome = refusedOutcome;
    const message = 'an unexpected error; the log of the node has it';
    return { ok: false, failure: failure('INTERNAL', message, { outcome }) };
  }
}

function tooLarge(request: Uint8Array, outcome: OutcomeWord): Failure | undefined {
  if (request.length <= limits.requestBodyBytesMax) return undefined;
  return { ...valueTooLarge(limits.requestBodyBytesMax, request.length).failure, outcome };
}

/** A method that a session has too. */
function onKeyspace(kind: (typeof keyspaceMethods)[number]): UnaryBehaviour<object> {
  const { request, response } = methods[kind];
  const writes = kind === 'transact' || kind === 'commit' || kind === 'rollback';
  return {
    request: request as Codec<object>,
    refusedOutcome: writes ? 'unknown' : 'not-committed',
    async run(context, call, fields) {
      const method = { kind, ...fields } as KeyspaceMethod;
      if (context.underWay.size >= limits.unaryCallsMax) {
        const what = `${limits.unaryCallsMax} unary calls are under way on this node`;
        return { ok: false, failure: tooManyCalls(method, what) };
      }
      const { requestBytes } = context;
      const bytes = call.request.length;
      if (!requestBytes.take(bytes)) return { ok: false, failure: tooManyCalls(method, requestBytes.full) };
      const result = await withinDeadline(context, call, method).finally(() => requestBytes.give(bytes));
      if (!result.ok) return result;
      if (!('reply' in result.value)) throw new Error('a failure is no reply');
      return succeed((response as Codec<unknown>).encode(result.value.reply));
    },
  };
}

/** The part of what is left until a deadline that is kept for the way back, and its bounds in ms. */
const wayBack = { part: 0.05, msMin: 10, msMax: 250 };

/**
 * The result, or what is known when the deadline of the call comes near: a COMMIT that was sent may then still commit.
 * The answer is given a little before the deadline, since gRPC drops what comes after it.
 */
function withinDeadline(
  context: UnaryContext,
  call: UnaryCall,
  given: KeyspaceMethod,
): Promise<Result<ReplyResult>> {
  const { clock, timers } = context.runtime;
  const deadline = call.getDeadline();
  const leftMs = (deadline instanceof Date ? deadline.getTime() : deadline) - clock.nowMs();
  const hasEnd = Number.isFinite(leftMs);
  const keptMs = Math.min(wayBack.msMax, Math.max(wayBack.msMin, leftMs * wayBack.part));
  const timeoutMs = hasEnd ? Math.max(1, leftMs - keptMs) : Infinity;
  const method = hasEnd ? withId(context, given) : given;
  return new Promise((resolve) => {
    let expired = false;
    const cancel = hasEnd
      ? timers.after(timeoutMs, () => {
          expired = true;
          resolve({ ok: false, failure: timedOut(method) });
        })
      : undefined;
    void runMethod(context, method, timeoutMs).then((result) => {
      cancel?.();
      if (expired || call.cancelled) abandon(context, method, result);
      resolve(result);
    });
  });
}

const getCluster: UnaryBehaviour<Record<string, never>> = {
  request: methods.getCluster.request,
  refusedOutcome: 'not-committed',
  run({ node }) {
    const { cluster, node: self, region, version } = node;
    const reply: ClusterReply = {
      ...{ cluster, node: self, region, version },
      json: JSON.stringify(clusterView(node)),
    };
    return Promise.resolve(succeed(methods.getCluster.response.encode(reply)));
  },
};

const getStateHash: UnaryBehaviour<{ readonly keyspace: string }> = {
  request: methods.getStateHash.request,
  refusedOutcome: 'not-committed',
  async run({ node }, _call, { keyspace }) {
    const service = node.keyspace(keyspace);
    if (service === undefined) return keyspaceNotFound(keyspace);
    const hashed = await service.stateHash();
    if (!hashed.ok) return hashed;
    const reply: StateHashReply = hashed.value;
    return succeed(methods.getStateHash.response.encode(reply));
  },
};
