import type { Logger } from '../runtime/runtime.js';
import type { PeerStream } from './peer-transport.js';

/** Decodes what comes on a stream; bytes that are no such message, or that cannot be taken, close it. */
export function readMessages<M>(
  stream: PeerStream,
  decode: (bytes: Uint8Array) => M,
  take: (message: M) => void,
  logger: Logger,
): void {
  stream.onMessage((bytes) => {
    try {
      take(decode(bytes));
    } catch (error) {
      logger.warn({ error }, 'a stream between nodes carried what cannot be taken');
      stream.close('malformed message');
    }
  });
}
