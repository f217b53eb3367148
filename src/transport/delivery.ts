import { PeerMessageError } from './messages/peer-message-error.js';
import type { PeerStream } from './peer-transport.js';

/** Hands the message to the listener. What cannot be decoded closes the stream; any other throw is a bug and goes on. */
export function deliver(
  stream: PeerStream,
  listener: (message: Uint8Array) => void,
  message: Uint8Array,
): void {
  try {
    listener(message);
  } catch (error) {
    if (!(error instanceof PeerMessageError)) throw error;
    stream.close(error.message);
  }
}
