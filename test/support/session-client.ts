import { silentLogger, type Runtime } from '../../src/runtime/runtime.js';
import { createSystemRuntime } from '../../src/runtime/system/runtime.js';
import { serveSession, type Session } from '../../src/api/grpc/session.js';
import { RequestBytes } from '../../src/api/grpc/request-bytes.js';
import { limits as nodeLimits } from '../../src/model/limits.js';
import type { Failure } from '../../src/model/errors.js';
import type { NodeService } from '../../src/transaction/service.js';
import { createLoopbackPair } from '../../src/transport/loopback.js';
import type { PeerStream } from '../../src/transport/peer-transport.js';
import { decodeSessionResponse, encodeSessionRequest } from '../../src/transport/public-api/codec.js';
import type { Call, Method, ReplyResult, SessionResponse } from '../../src/transport/public-api/messages.js';
import { defaultStreamLimits, type StreamLimits } from '../../src/transport/send-queue.js';
import { eventually } from './eventually.js';

export interface SessionTestOptions {
  readonly limits?: StreamLimits;
  readonly runtime?: Runtime;
  readonly requestBytes?: RequestBytes;
}

/** The client's end of a session that a node of the same process serves. */
export class SessionClient {
  readonly stream: PeerStream;
  readonly session: Session;
  readonly messages: SessionResponse[] = [];
  closed: string | undefined;
  failure: Failure | undefined;

  constructor(node: NodeService, options: SessionTestOptions = {}) {
    const runtime = options.runtime ?? createSystemRuntime(silentLogger);
    const [client, server] = createLoopbackPair(runtime.timers, options.limits ?? defaultStreamLimits);
    this.stream = client;
    client.onMessage((bytes) => this.messages.push(decodeSessionResponse(bytes)));
    client.onClose((reason) => (this.closed = reason));
    const { requestBytes = new RequestBytes(nodeLimits.callsBytesMax) } = options;
    const onFailure = (why: Failure): void => void (this.failure = why);
    this.session = serveSession(server, { node, runtime, requestBytes, onFailure });
  }

  send(...calls: readonly (Partial<Call> & { readonly id: number; readonly method: Method })[]): void {
    const all = calls.map((call) => ({ timeoutMs: 0, ...call }));
    this.stream.send(encodeSessionRequest({ calls: all }));
  }

  get replies(): SessionResponse['replies'] {
    return this.messages.flatMap(({ replies }) => replies);
  }

  /** The reply to a call, once it is here. */
  reply(id: number): Promise<ReplyResult> {
    return eventually(() => this.replies.find((reply) => reply.id === id)?.result ?? false, {
      what: `a reply to call ${id}`,
    });
  }

  async call(id: number, method: Method): Promise<ReplyResult> {
    this.send({ id, method });
    return this.reply(id);
  }
}
