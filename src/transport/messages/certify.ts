import {
  bytesOf,
  PeerMessageError,
  safeIntegerOf,
  uuidOf,
  uuidOrNoneOf,
  wireType,
  type WireBytes,
  type WireUint64,
} from './wire.js';

/** What a keyspace's sequencer says on a certify stream, which it opens. */
export type CertifyFromSequencer = CertifyWelcome | VerdictBatch | TailAnswer | CertifyHeartbeat;

/** What a node says to the sequencer. */
export type CertifyFromNode = CertifyHello | SubmissionBatch | TailRequest;

export interface CertifyWelcome {
  readonly type: 'welcome';
  readonly keyspace: string;
  /** UUID, 16 bytes. */
  readonly keyspaceId: Uint8Array;
  readonly epoch: number;
  readonly nonce: Uint8Array;
  readonly node: string;
  readonly tailPosition: number;
  readonly tailSeqno: number;
  readonly tailHash: Uint8Array;
}

export interface VerdictBatch {
  readonly type: 'verdicts';
  readonly verdicts: readonly Verdict[];
}

/** `committed`: durable, at `seqno`. `aborted`: judged and lost. `refused`: not taken, which proves nothing about the id. */
export type VerdictKind = 'committed' | 'aborted' | 'refused';

export interface Verdict {
  /** UUID, 16 bytes. */
  readonly transactionId: Uint8Array;
  readonly kind: VerdictKind;
  /** A code of the error catalogue; empty when committed. */
  readonly code: string;
  readonly conflictKey: Uint8Array;
  /** The winner; 0 when there is no conflict. */
  readonly conflictSeqno: number;
  /** The abort rests on a durable tombstone. */
  readonly tombstone: boolean;
  /** Of the commit; 0 when there is none. */
  readonly seqno: number;
  readonly detail: string;
}

export interface TailAnswer {
  readonly type: 'tail';
  readonly request: number;
  readonly position: number;
  readonly seqno: number;
  readonly refused: boolean;
}

export interface CertifyHeartbeat {
  readonly type: 'heartbeat';
  readonly logTimeMs: number;
  readonly wallMs: number;
  readonly position: number;
  readonly seqno: number;
  readonly serving: boolean;
  readonly whyNot: string;
}

export interface CertifyHello {
  readonly type: 'hello';
  readonly node: string;
  /** UUID of 16 bytes, or empty when the node has no history of the keyspace yet. */
  readonly keyspaceId: Uint8Array;
  readonly position: number;
  readonly hash: Uint8Array;
  /** What a sequencer has told this node at most, applied here or not; 0: none has. */
  readonly seenEpoch: number;
  readonly seenPosition: number;
}

export interface SubmissionBatch {
  readonly type: 'submissions';
  readonly submissions: readonly Submission[];
}

/** One transaction to certify, or one id to resolve: then `resolveId` has 16 bytes and of the rest only `resolveAs` counts. */
export interface Submission {
  readonly writeSet: Uint8Array;
  readonly readKeys: readonly Uint8Array[];
  readonly readRanges: readonly ReadRange[];
  readonly checkKeys: readonly Uint8Array[];
  readonly retry: boolean;
  readonly resolveId: Uint8Array;
  /** With `resolveId`: the abort that a tombstone is to carry, encoded as in a tombstone; empty: rolled back, for every content. */
  readonly resolveAs: Uint8Array;
}

/** From `start` inclusive to `end` exclusive; `end` says nothing when `unbounded`. */
export interface ReadRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  readonly unbounded: boolean;
}

export interface TailRequest {
  readonly type: 'tail';
  readonly request: number;
}

interface WireFromSequencer {
  readonly welcome?: {
    readonly keyspace: string;
    readonly keyspaceId: WireBytes;
    readonly epoch: WireUint64;
    readonly nonce: WireBytes;
    readonly node: string;
    readonly tailPosition: WireUint64;
    readonly tailSeqno: WireUint64;
    readonly tailHash: WireBytes;
  } | null;
  readonly verdicts?: { readonly verdicts: readonly WireVerdict[] } | null;
  readonly tail?: {
    readonly request: WireUint64;
    readonly position: WireUint64;
    readonly seqno: WireUint64;
    readonly refused: boolean;
  } | null;
  readonly heartbeat?: {
    readonly logTimeMs: WireUint64;
    readonly wallMs: WireUint64;
    readonly position: WireUint64;
    readonly seqno: WireUint64;
    readonly serving: boolean;
    readonly whyNot: string;
  } | null;
}

interface WireVerdict {
  readonly transactionId: WireBytes;
  readonly kind: number;
  readonly code: string;
  readonly conflictKey: WireBytes;
  readonly conflictSeqno: WireUint64;
  readonly tombstone: boolean;
  readonly seqno: WireUint64;
  readonly detail: string;
}

interface WireFromNode {
  readonly hello?: {
    readonly node: string;
    readonly keyspaceId: WireBytes;
    readonly position: WireUint64;
    readonly hash: WireBytes;
    readonly seenEpoch: WireUint64;
    readonly seenPosition: WireUint64;
  } | null;
  readonly submissions?: { readonly submissions: readonly WireSubmission[] } | null;
  readonly tail?: { readonly request: WireUint64 } | null;
}

interface WireSubmission {
  readonly writeSet: WireBytes;
  readonly readKeys: readonly WireBytes[];
  readonly readRanges: readonly {
    readonly start: WireBytes;
    readonly end: WireBytes;
    readonly unbounded: boolean;
  }[];
  readonly checkKeys: readonly WireBytes[];
  readonly retry: boolean;
  readonly resolveId: WireBytes;
  readonly resolveAs: WireBytes;
}

const fromSequencer = wireType<WireFromSequencer>('CertifyFromSequencer');
const fromNode = wireType<WireFromNode>('CertifyFromNode');

const kindNumbers = { committed: 1, aborted: 2, refused: 3 } as const satisfies Record<VerdictKind, number>;
const kinds: readonly (VerdictKind | undefined)[] = [undefined, 'committed', 'aborted', 'refused'];

export function encodeCertifyFromSequencer(message: CertifyFromSequencer): Uint8Array {
  if (message.type !== 'verdicts') return fromSequencer.encode({ [message.type]: message });
  const verdicts = message.verdicts.map((verdict) => ({ ...verdict, kind: kindNumbers[verdict.kind] }));
  return fromSequencer.encode({ verdicts: { verdicts } });
}

/** Throws PeerMessageError. Byte fields are views of `bytes`. */
export function decodeCertifyFromSequencer(bytes: Uint8Array): CertifyFromSequencer {
  const { welcome, verdicts, tail, heartbeat } = fromSequencer.decode(bytes);
  if (verdicts) return { type: 'verdicts', verdicts: verdicts.verdicts.map(verdictOf) };
  if (tail) {
    return {
      type: 'tail',
      request: safeIntegerOf(tail.request, 'tail.request'),
      position: safeIntegerOf(tail.position, 'tail.position'),
      seqno: safeIntegerOf(tail.seqno, 'tail.seqno'),
      refused: tail.refused,
    };
  }
  if (heartbeat) {
    return {
      type: 'heartbeat',
      logTimeMs: safeIntegerOf(heartbeat.logTimeMs, 'heartbeat.log_time_ms'),
      wallMs: safeIntegerOf(heartbeat.wallMs, 'heartbeat.wall_ms'),
      position: safeIntegerOf(heartbeat.position, 'heartbeat.position'),
      seqno: safeIntegerOf(heartbeat.seqno, 'heartbeat.seqno'),
      serving: heartbeat.serving,
      whyNot: heartbeat.whyNot,
    };
  }
  if (welcome) {
    return {
      type: 'welcome',
      keyspace: welcome.keyspace,
      keyspaceId: uuidOf(welcome.keyspaceId, 'welcome.keyspace_id'),
      epoch: safeIntegerOf(welcome.epoch, 'welcome.epoch'),
      nonce: bytesOf(welcome.nonce),
      node: welcome.node,
      tailPosition: safeIntegerOf(welcome.tailPosition, 'welcome.tail_position'),
      tailSeqno: safeIntegerOf(welcome.tailSeqno, 'welcome.tail_seqno'),
      tailHash: bytesOf(welcome.tailHash),
    };
  }
  throw new PeerMessageError('a CertifyFromSequencer without a known message in it');
}

function verdictOf(wire: WireVerdict): Verdict {
  const kind = kinds[wire.kind];
  if (kind === undefined) throw new PeerMessageError(`verdict kind ${wire.kind} is unknown`);
  return {
    transactionId: uuidOf(wire.transactionId, 'verdict.transaction_id'),
    kind,
    code: wire.code,
    conflictKey: bytesOf(wire.conflictKey),
    conflictSeqno: safeIntegerOf(wire.conflictSeqno, 'verdict.conflict_seqno'),
    tombstone: wire.tombstone,
    seqno: safeIntegerOf(wire.seqno, 'verdict.seqno'),
    detail: wire.detail,
  };
}

export function encodeCertifyFromNode(message: CertifyFromNode): Uint8Array {
  return fromNode.encode({ [message.type]: message });
}

/** Throws PeerMessageError. Byte fields are views of `bytes`. */
export function decodeCertifyFromNode(bytes: Uint8Array): CertifyFromNode {
  const { hello, submissions, tail } = fromNode.decode(bytes);
  if (submissions) return { type: 'submissions', submissions: submissions.submissions.map(submissionOf) };
  if (tail) return { type: 'tail', request: safeIntegerOf(tail.request, 'tail.request') };
  if (hello) {
    return {
      type: 'hello',
      node: hello.node,
      keyspaceId: uuidOrNoneOf(hello.keyspaceId, 'hello.keyspace_id'),
      position: safeIntegerOf(hello.position, 'hello.position'),
      hash: bytesOf(hello.hash),
      seenEpoch: safeIntegerOf(hello.seenEpoch, 'hello.seen_epoch'),
      seenPosition: safeIntegerOf(hello.seenPosition, 'hello.seen_position'),
    };
  }
  throw new PeerMessageError('a CertifyFromNode without a known message in it');
}

function submissionOf(wire: WireSubmission): Submission {
  return {
    writeSet: bytesOf(wire.writeSet),
    readKeys: wire.readKeys.map(bytesOf),
    readRanges: wire.readRanges.map((range) => ({
      start: bytesOf(range.start),
      end: bytesOf(range.end),
      unbounded: range.unbounded,
    })),
    checkKeys: wire.checkKeys.map(bytesOf),
    retry: wire.retry,
    resolveId: uuidOrNoneOf(wire.resolveId, 'submission.resolve_id'),
    resolveAs: bytesOf(wire.resolveAs),
  };
}
