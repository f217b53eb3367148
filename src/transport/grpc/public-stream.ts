import { Metadata, type ServerDuplexStream, type StatusObject } from '@grpc/grpc-js';
import type { Timers } from '../../runtime/runtime.js';
import type { PeerStream } from '../peer-transport.js';
import type { StreamLimits } from '../send-queue.js';
import { GrpcPeerStream } from './grpc-peer-stream.js';

export interface PublicStreamOptions {
  readonly timers: Timers;
  readonly limits: StreamLimits;
  /** The client sends no more and reads on. */
  readonly onHalfClose: () => void;
  /** Asked when the stream has been closed on this side: the status to end with, undefined for OK. */
  readonly finalStatus: () => StatusObject | undefined;
}

/** A bidirectional call of any client as a stream of messages. */
export function acceptPublicStream(
  call: ServerDuplexStream<Uint8Array, Uint8Array>,
  { timers, limits, onHalfClose, finalStatus }: PublicStreamOptions,
): PeerStream {
  call.sendMetadata(new Metadata());
  const end = (): void => {
    const status = finalStatus();
    // grpc-js ends a server's call with a status of its own when it is told of an error, behind what was written.
    if (status === undefined) call.end();
    else call.emit('error', status);
  };
  const stream = new GrpcPeerStream({ duplex: call, end, abort: () => call.end() }, timers, limits);
  call.on('end', onHalfClose);
  // grpc-js emits it at every end of a call, also the orderly ones.
  call.on('cancelled', () =>
    stream.over('the client is gone: it cancelled the call, or its connection was lost'),
  );
  return stream;
}
