import type { FailureMessage } from '../transport/public-api/messages.js';
import type { PeerStream } from '../transport/peer-transport.js';

/** A stream that a node may end with an error of the catalogue. */
export interface DialledStream extends PeerStream {
  /** Of a closed stream: the error that it ended with, when the node named one. */
  readonly failure: FailureMessage | undefined;
}

/** How a client reaches nodes. Opening returns at once; a failure is a close, without retries. */
export interface Dialler {
  /** The bidirectional Session of the public API. */
  session(endpoint: string): DialledStream;
  /** The server stream Watch; `request` is the encoded WatchRequest. */
  watch(endpoint: string, request: Uint8Array): DialledStream;
  /** Closes every stream. */
  close(): void;
}
