import { uuidFromBytes, type TransactionId } from '../model/ids.js';

/** A UUIDv7 of the server's time and 10 random bytes. The last two, in a node's id its tag, are random here. */
export function mintClientTransactionId(serverTimeMs: number, random: Uint8Array): TransactionId {
  const bytes = Buffer.allocUnsafe(16);
  bytes.writeUIntBE(serverTimeMs, 0, 6);
  bytes.set(random.subarray(0, 10), 6);
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return uuidFromBytes(bytes) as TransactionId;
}
