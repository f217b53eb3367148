import { uuidFromBytes, uuidToBytes, type NodeId } from '../model/ids.js';
import type { CertifyHello } from '../transport/messages.js';
import type { KeyspaceStore } from '../storage/store.js';

export type History = Pick<KeyspaceStore, 'head' | 'chainHashAt' | 'replaced'>;

/**
 * What a node's place in the history says of ours: undefined when it is a prefix of ours (or cannot be compared, since
 * ours no longer keeps that hash), else why nobody may write. A peer that is ahead of the log, has seen more of it than
 * there is, or is different means that the log was set back or forked. One that holds a history which this one replaced is
 * refused wherever it asks, and is no danger: nothing of it can come back.
 */
export function disagreement(node: NodeId, hello: CertifyHello, history: History): string | undefined {
  const { head } = history;
  if (hello.keyspaceId.length === 0 || isReplaced(hello.keyspaceId, history)) return undefined;
  if (head.keyspaceId === undefined) return `${node} has a history of this keyspace and the log has none`;
  if (!uuidToBytes(head.keyspaceId).equals(hello.keyspaceId))
    return `${node} has another history of this keyspace`;
  if (hello.position > head.position) {
    return `${node} is ahead of the log: it holds position ${hello.position}, the log ends at ${head.position}`;
  }
  if (hello.seenPosition > head.position) {
    return `${node} has seen position ${hello.seenPosition} of the log, which ends at ${head.position}`;
  }
  if (hello.seenEpoch > head.epoch) {
    return `${node} has seen epoch ${hello.seenEpoch} of the log, which ends in epoch ${head.epoch}`;
  }
  const ours = history.chainHashAt(hello.position);
  if (ours !== undefined && !ours.equals(hello.hash)) {
    return `${node} holds another entry than the log at position ${hello.position}`;
  }
  return undefined;
}

function isReplaced(keyspaceId: Uint8Array, { replaced }: History): boolean {
  const uuid = uuidFromBytes(keyspaceId);
  return replaced.some((one) => one.keyspaceId === uuid);
}
