/** Bytes that are no message of the expected type. A message listener that throws it closes its stream. */
export class PeerMessageError extends Error {
  override readonly name = 'PeerMessageError';
}
