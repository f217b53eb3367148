import { Metadata, status, type Client, type StatusObject } from '@grpc/grpc-js';
import type { NodeId } from '../../model/ids.js';
import type { Timers } from '../../runtime/runtime.js';
import type { PeerMethod } from '../peer-transport.js';
import type { StreamLimits } from '../send-queue.js';
import { GrpcPeerStream } from './grpc-peer-stream.js';
import { metadataKeys, peerService } from './peer-service.js';

export interface OpeningContext {
  readonly cluster: string;
  readonly self: NodeId;
  readonly timers: Timers;
  readonly limits: StreamLimits;
  /** A stream that the acceptor has not answered by then is closed. ms */
  readonly openTimeoutMs: number;
  readonly onOpenTimeout: () => void;
}

/** Opens a call to `to` on its channel. `onOver` runs once, when nothing of the call is left. */
export function openStream(
  client: Client,
  target: { readonly to: NodeId; readonly method: PeerMethod },
  context: OpeningContext,
  onOver: (stream: GrpcPeerStream) => void,
): GrpcPeerStream {
  const { to, method } = target;
  const definition = peerService[method];
  const call = client.makeBidiStreamRequest(
    definition.path,
    definition.requestSerialize,
    definition.responseDeserialize,
    introduction(to, context),
  );
  const stream = new GrpcPeerStream(
    { duplex: call, end: () => call.end(), abort: () => call.cancel() },
    context.timers,
    context.limits,
  );
  const cancelOpenTimeout = context.timers.after(context.openTimeoutMs, () => {
    stream.abort(`${to} does not answer within ${context.openTimeoutMs} ms`);
    context.onOpenTimeout();
  });
  call.on('metadata', cancelOpenTimeout);
  // grpc-js emits it before the status, which says the same; without a listener it would be thrown.
  call.on('error', () => {});
  call.on('status', (ended: StatusObject) => {
    cancelOpenTimeout();
    stream.over(reasonOf(ended, to));
    onOver(stream);
  });
  return stream;
}

function introduction(to: NodeId, context: OpeningContext): Metadata {
  const metadata = new Metadata();
  metadata.set(metadataKeys.cluster, encodeURIComponent(context.cluster));
  metadata.set(metadataKeys.from, context.self);
  metadata.set(metadataKeys.to, to);
  return metadata;
}

function reasonOf(ended: StatusObject, to: NodeId): string {
  if (ended.code !== status.OK) return `${to}: ${status[ended.code]}: ${ended.details}`;
  const [said] = ended.metadata.get(metadataKeys.closeReason);
  return `closed by ${to}${typeof said === 'string' ? `: ${decodeText(said)}` : ''}`;
}

function decodeText(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}
