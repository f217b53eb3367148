import { epoch as epochOf, seqno, type KeyspaceId, type NodeId } from '../model/ids.js';
import type { FoundLog } from '../ordering/replaceable-log.js';
import type { ReplacedHistory } from '../storage/store.js';
import type { RecoveryCopy, RecoveryPlan } from '../transaction/service.js';

/** What a node said of its copy. */
export interface KnownCopy {
  readonly node: NodeId;
  /** Undefined when it could not be asked. */
  readonly copy: RecoveryCopy | undefined;
  /** Chain hash at its position, hexadecimal. */
  readonly hash: string;
  /** How far the log had come, by what sequencers told the node. */
  readonly seenPosition: number;
  /** Whether its copy can be taken. */
  readonly isUsable: boolean;
}

export interface RecoveryFacts {
  /** This node first. */
  readonly nodes: readonly KnownCopy[];
  /** What this node had noted of its own store before. */
  readonly noted:
    { readonly keyspaceId: string; readonly position: number; readonly seqno?: number } | undefined;
  readonly without: readonly string[];
  /** A log that nodes share, or why it cannot be asked; undefined: the store of the home is the log. */
  readonly log?: Pick<FoundLog, 'keyspaceId'> | string | undefined;
}

/** Which copy the log is restored from, and what that cannot prove. The source is the one that has come furthest. */
export function planOf(facts: RecoveryFacts): RecoveryPlan {
  const asked = facts.nodes.filter(({ copy }) => copy !== undefined);
  const source = furthest(asked.filter(({ copy, isUsable }) => isUsable && copy!.uuid !== undefined));
  return {
    copies: asked.map(({ copy }) => copy!),
    source: source?.node,
    seqno: source?.copy?.seqno ?? seqno(0),
    unproven: source === undefined ? undefined : unprovenBehind(source, facts),
    warnings: [
      ...unasked(facts),
      ...aboutLog(facts, source?.copy?.uuid),
      ...(source === undefined ? [nothingToTake] : warningsBeside(source, facts)),
    ],
  };
}

/** At least the highest seqno that any history has given, as far as anything here tells. */
export function seqnoSeen({ nodes, noted }: RecoveryFacts): number {
  return Math.max(noted?.seqno ?? 0, ...nodes.map(({ copy }) => copy?.seqno ?? 0));
}

/** The histories that were found beside that of the source, which it is to take the place of too. */
export function otherHistories(
  { nodes, noted, log }: RecoveryFacts,
  of: KeyspaceId | undefined,
): ReplacedHistory[] {
  const held = nodes.flatMap(({ copy }) =>
    copy?.uuid === undefined ? [] : [{ keyspaceId: copy.uuid, position: copy.position, seqno: copy.seqno }],
  );
  const found = [...held];
  if (noted !== undefined && held.every(({ keyspaceId }) => keyspaceId !== noted.keyspaceId)) {
    const { keyspaceId, position } = noted;
    found.push({ keyspaceId: keyspaceId as KeyspaceId, position, seqno: seqno(noted.seqno ?? 0) });
  }
  const ofLog = typeof log === 'object' ? log.keyspaceId : undefined;
  if (ofLog !== undefined && held.every(({ keyspaceId }) => keyspaceId !== ofLog))
    found.push({ keyspaceId: ofLog, position: 0, seqno: seqno(0) });
  return found.filter(({ keyspaceId }) => keyspaceId !== of);
}

/** Nodes that must be asked before anything is done, and cannot be. */
export function missing({ nodes, without }: RecoveryFacts): NodeId[] {
  return nodes
    .filter(({ node, copy }) => copy === undefined && !without.includes(node))
    .map(({ node }) => node);
}

const nothingToTake = 'no node has a copy that can be taken';

/** A new history's seqnos are far above those of the one that it replaces: the seqno alone says which is newer. */
function furthest(copies: readonly KnownCopy[]): KnownCopy | undefined {
  const rank = ({ copy }: KnownCopy): readonly number[] => [
    copy!.seqno,
    copy!.position,
    epochOf(copy!.epoch),
  ];
  return copies.reduce<KnownCopy | undefined>(
    (best, one) => (best === undefined || isAbove(rank(one), rank(best)) ? one : best),
    undefined,
  );
}

function isAbove(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at >= 0 && a[at]! > b[at]!;
}

function unprovenBehind(source: KnownCopy, { nodes, noted }: RecoveryFacts): RecoveryPlan['unproven'] {
  const { uuid, position } = source.copy!;
  const seen = nodes.flatMap(({ copy, seenPosition }) => {
    if (copy === undefined) return [];
    const isOfAnother = copy.uuid !== undefined && copy.uuid !== uuid;
    return isOfAnother ? [] : [copy.position, seenPosition];
  });
  if (noted !== undefined && noted.keyspaceId === uuid) seen.push(noted.position);
  const toPosition = Math.max(...seen);
  return toPosition > position ? { fromPosition: position + 1, toPosition } : undefined;
}

function unasked({ nodes, without }: RecoveryFacts): string[] {
  return nodes
    .filter(({ copy }) => copy === undefined)
    .map(({ node }) =>
      without.includes(node)
        ? `${node} is not asked: what it alone holds is lost`
        : `${node} cannot be asked; if it is lost, name it`,
    );
}

function aboutLog({ log }: RecoveryFacts, of: KeyspaceId | undefined): string[] {
  if (log === undefined) return [];
  if (typeof log === 'string') return [log];
  if (log.keyspaceId === undefined) return ['the log that the nodes share holds no history'];
  return log.keyspaceId === of
    ? []
    : [`the log that the nodes share is of another history, ${log.keyspaceId}`];
}

function warningsBeside(source: KnownCopy, { nodes, noted }: RecoveryFacts): string[] {
  const asked = nodes.filter(({ copy }) => copy !== undefined);
  const isHeld = noted === undefined || asked.some(({ copy }) => copy!.uuid === noted.keyspaceId);
  const lost = isHeld
    ? []
    : [
        `this node held history ${noted.keyspaceId} up to position ${noted.position}, and no node has a copy of it`,
      ];
  return [...lost, ...besides(source, asked)];
}

function besides(source: KnownCopy, asked: readonly KnownCopy[]): string[] {
  const { uuid, position } = source.copy!;
  return asked.flatMap(({ node, copy, hash, isUsable }) => {
    if (node === source.node || copy?.uuid === undefined) return [];
    if (copy.uuid !== uuid) return [`${node} holds another history, ${copy.uuid}`];
    if (copy.position > position && !isUsable)
      return [`${node} holds position ${copy.position}, and is ${copy.state}: its copy cannot be taken`];
    if (copy.position === position && hash !== source.hash)
      return [`${node} holds another entry at position ${position}: the history was forked`];
    if (copy.state === 'inconsistent' && !isUsable)
      return [
        `${node} holds position ${copy.position}, and is inconsistent: what differs there is not restored`,
      ];
    return [];
  });
}
