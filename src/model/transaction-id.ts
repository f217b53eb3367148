import { uuidFromBytes, uuidToBytes, type NodeId, type TransactionId } from './ids.js';

/**
 * A UUIDv7 (RFC 9562) of a moment and 10 random bytes. In a node's id the last two bytes are that node's tag, so that a
 * node that is asked for another's interactive transaction can name it; the tag promises nothing else. Without `node` it
 * is a client's id, and they are random.
 */
export function mintTransactionId(timeMs: number, random: Uint8Array, node?: NodeId): TransactionId {
  const bytes = Buffer.allocUnsafe(16);
  bytes.writeUIntBE(timeMs, 0, 6);
  for (let i = 0; i < 10; i++) bytes[6 + i] = random[i]!;
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  if (node !== undefined) bytes.writeUInt16BE(nodeTag(node), 14);
  return uuidFromBytes(bytes) as TransactionId;
}

/** The moment of an id's making by its minter's clock, ms since the Unix epoch. */
export function transactionTimeMs(id: TransactionId): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/** FNV-1a of the node's id, folded to 16 bits. Configuration refuses two nodes of one tag. */
export function nodeTag(node: NodeId): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < node.length; i++) hash = Math.imul(hash ^ node.charCodeAt(i), 0x01000193) >>> 0;
  return (hash ^ (hash >>> 16)) & 0xffff;
}

/** The tag of the node that minted the id, if a node did: in an id that a client made these are any 16 bits. */
export function tagOfTransaction(id: TransactionId): number {
  return uuidToBytes(id).readUInt16BE(14);
}
