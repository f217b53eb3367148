import { Metadata, status, type ServerDuplexStream } from '@grpc/grpc-js';
import type { NodeId } from '../../model/ids.js';
import type { Timers } from '../../runtime/runtime.js';
import type { StreamLimits } from '../send-queue.js';
import { GrpcPeerStream } from './grpc-peer-stream.js';
import { metadataKeys } from './peer-service.js';
import { nameProblem } from './peer-tls.js';

export type PeerCall = ServerDuplexStream<Uint8Array, Uint8Array>;

export interface AcceptingContext {
  readonly cluster: string;
  readonly self: NodeId;
  readonly isKnown: (node: string) => node is NodeId;
  /** Whether a certificate must name the node that opens. */
  readonly proven: boolean;
}

export type Introduction =
  | { readonly from: NodeId }
  | { readonly refused: string; readonly code: status.FAILED_PRECONDITION | status.PERMISSION_DENIED };

/** Judges who opens the call: a node of the same cluster that means this node and proves who it is, or nobody. */
export function judgeOpener(
  call: Pick<PeerCall, 'metadata' | 'getAuthContext'>,
  { cluster, self, isKnown, proven }: AcceptingContext,
): Introduction {
  const { metadata } = call;
  const said = (key: string): string => String(metadata.get(key)[0] ?? '');
  const refuse = (refused: string): Introduction => ({ refused, code: status.FAILED_PRECONDITION });
  const theirCluster = said(metadataKeys.cluster);
  const from = said(metadataKeys.from);
  const to = said(metadataKeys.to);
  if (theirCluster !== encodeURIComponent(cluster)) {
    return refuse(`this is cluster ${cluster}, not ${theirCluster || '(none named)'}`);
  }
  if (to !== self) return refuse(`this is node ${self}, not ${to || '(none named)'}`);
  if (!isKnown(from) || from === self) {
    return refuse(`node ${from || '(none named)'} is not a peer of ${self} in cluster ${cluster}`);
  }
  const problem = proven ? nameProblem(call.getAuthContext().sslPeerCertificate, from) : undefined;
  return problem === undefined ? { from } : { refused: problem, code: status.PERMISSION_DENIED };
}

/** Answers the call with a status instead of a stream. */
export function refuseCall(call: PeerCall, code: status, details: string): void {
  call.emit('error', { code, details });
}

/** Makes a stream of the call. `onOver` runs once, when nothing of the call is left. */
export function acceptCall(
  call: PeerCall,
  from: NodeId,
  { timers, limits }: { readonly timers: Timers; readonly limits: StreamLimits },
  onOver: (stream: GrpcPeerStream) => void,
): GrpcPeerStream {
  // Without it the opener would learn only from the first message that it was accepted.
  call.sendMetadata(new Metadata());
  const stream = new GrpcPeerStream(
    // A server cannot cancel a call: the status waits behind the message that is being written, for as long as the opener
    // keeps the connection alive without reading.
    { duplex: call, end: (reason) => call.end(closingTrailers(reason)), abort: () => call.end() },
    timers,
    limits,
  );
  call.on('end', () => {
    stream.over(`closed by ${from}`);
    call.end();
  });
  // grpc-js emits it at every end of a call, also the orderly ones.
  call.on('cancelled', () => {
    stream.over(`${from} is gone: it cancelled the stream, or its connection was lost`);
    onOver(stream);
  });
  return stream;
}

function closingTrailers(reason: string): Metadata {
  const trailers = new Metadata();
  trailers.set(metadataKeys.closeReason, encodeURIComponent(reason));
  return trailers;
}
