import type { ServerWritableStream } from '@grpc/grpc-js';
import { succeed, type Failure, type Result } from '../../model/errors.js';
import type { ChangeBatch, ChangeFeed, ChangesRequest } from '../../transaction/service.js';
import {
  decodeWatchRequest,
  encodeWatchResponse,
  MalformedMessage,
} from '../../transport/public-api/codec.js';
import { keyspaceNotFound } from '../refusals.js';
import { malformed, statusOf } from './failures.js';
import { rangeRefusal, tokenOf } from './inputs.js';
import { draining, type GrpcContext } from './methods.js';

export type WatchCall = ServerWritableStream<Uint8Array, Uint8Array>;

export interface Watch {
  /** Ends the call with a status that says why. */
  end(why: Failure): void;
  /** Resolves when the call has ended. */
  readonly ended: Promise<void>;
}

/**
 * Serves a Watch: what the keyspace's feed gives, one batch at a time. A client that does not read stops the feed from
 * being asked; it holds no queue, and when the client has fallen too far behind the feed fails with CHANGES_TOO_OLD.
 */
export function serveWatch(context: GrpcContext, call: WatchCall): Watch {
  const opened = open(context, call.request);
  if (!opened.ok) {
    call.emit('error', statusOf(opened.failure));
    return { end: () => {}, ended: Promise.resolve() };
  }
  const feed = opened.value;
  let over: Failure | 'cancelled' | undefined;
  const stop = (why: Failure | 'cancelled'): void => {
    over ??= why;
    feed.close();
    call.emit('drain');
  };
  call.on('cancelled', () => stop('cancelled'));
  const ended = follow(call, feed, () => over).then((failed) => {
    feed.close();
    const why = over ?? failed;
    if (why !== undefined && why !== 'cancelled') call.emit('error', statusOf(why));
    else call.end();
  });
  return { end: stop, ended };
}

/** The feed's own failure; undefined when it was stopped from outside. */
async function follow(
  call: WatchCall,
  feed: ChangeFeed,
  over: () => Failure | 'cancelled' | undefined,
): Promise<Failure | undefined> {
  // Where it begins, so that who is cut off before the first commit can go on too.
  let batch: ChangeBatch = { commits: [], position: feed.position };
  while (over() === undefined) {
    if (!call.write(encodeWatchResponse(batch)))
      await new Promise<void>((resolve) => call.once('drain', resolve));
    const next = await feed.next();
    if (!next.ok) return next.failure;
    batch = next.value;
  }
  return undefined;
}

function open({ node }: GrpcContext, request: Uint8Array): Result<ChangeFeed> {
  if (node.draining) return { ok: false, failure: draining() };
  try {
    const { keyspace, from, range } = decodeWatchRequest(request);
    const service = node.keyspace(keyspace);
    if (service === undefined) return keyspaceNotFound(keyspace);
    const position: Result<ChangesRequest['from']> =
      from === 'oldest' ? succeed(from) : tokenOf('from', from);
    if (!position.ok) return position;
    const refused = rangeRefusal('range', range);
    if (refused !== undefined) return refused;
    const feed = service.changes({ from: position.value, range });
    return feed.ok ? succeed(feed.value) : feed;
  } catch (error) {
    if (error instanceof MalformedMessage) return { ok: false, failure: malformed(error, 'not-committed') };
    throw error;
  }
}
