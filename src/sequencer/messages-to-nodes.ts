import { uuidToBytes, type KeyspaceName, type NodeId } from '../model/ids.js';
import { keyToBytes } from '../model/keys.js';
import type { Head, KeyspaceStore } from '../storage/store.js';
import type { CertifyHeartbeat, CertifyWelcome, Verdict } from '../transport/messages.js';
import type { Answer } from './batch.js';
import type { SequencerRequest } from './request.js';

interface Speaker {
  readonly keyspace: KeyspaceName;
  readonly self: NodeId;
  readonly store: KeyspaceStore;
}

/** The first message of every certify stream: who sequences, and where the log ends. */
export function welcomeOf({ keyspace, self, store }: Speaker): CertifyWelcome {
  const { head } = store;
  return {
    type: 'welcome',
    keyspace,
    keyspaceId: head.keyspaceId === undefined ? Buffer.alloc(16) : uuidToBytes(head.keyspaceId),
    epoch: head.epoch,
    nonce: head.nonce,
    node: self,
    tailPosition: Math.max(0, head.position),
    tailSeqno: head.seqno,
    tailHash: head.chainHash,
  };
}

/** `whyNot` is empty while it serves. */
export function heartbeatOf(head: Head, wallMs: number, serving: boolean, whyNot: string): CertifyHeartbeat {
  return {
    type: 'heartbeat',
    logTimeMs: head.logTimeMs,
    wallMs,
    position: Math.max(0, head.position),
    seqno: head.seqno,
    serving,
    whyNot,
  };
}

/** An answer as the verdict that the node of the request is sent. */
export function verdictOf(request: SequencerRequest, answer: Answer): Verdict {
  const conflict = answer.kind === 'aborted' ? answer.conflict : undefined;
  return {
    transactionId: uuidToBytes(request.id),
    kind: answer.kind,
    code: answer.kind === 'committed' ? '' : answer.code,
    conflictKey: conflict === undefined ? Buffer.alloc(0) : keyToBytes(conflict.key),
    conflictSeqno: conflict?.winner ?? 0,
    tombstone: answer.kind === 'aborted' && answer.tombstone,
    seqno: (answer.kind === 'aborted' ? undefined : answer.seqno) ?? 0,
    detail: answer.kind === 'committed' ? '' : answer.detail,
  };
}
