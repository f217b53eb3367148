import type { Failure } from '../model/errors.js';
import type { TransactionId } from '../model/ids.js';
import type { NodeService } from '../transaction/service.js';

/** The node that minted an id, as fields of an answer; nothing when it is this node or not known. */
export function minterFields(node: NodeService, id: TransactionId): { node?: string; address?: string } {
  const minter = node.minterOf(id);
  return minter === undefined || minter.node === node.node
    ? {}
    : { node: minter.node, address: minter.httpAddress };
}

/** TRANSACTION_NOT_FOUND names the node where the transaction may be open. */
export function nameMinter(node: NodeService, id: TransactionId, failure: Failure): Failure {
  if (failure.code !== 'TRANSACTION_NOT_FOUND') return failure;
  return { ...failure, details: { ...minterFields(node, id), ...failure.details } };
}
