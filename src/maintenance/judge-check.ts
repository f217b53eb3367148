import type { NodeId } from '../model/ids.js';
import type { CheckStatus } from '../transaction/service.js';

/** The hashes of one mark as far as they are reported. */
export interface CheckReports {
  readonly self: NodeId;
  /** The node whose copy is the log; undefined where nodes share the log. */
  readonly home: NodeId | undefined;
  /** Every node of the keyspace, this one included. */
  readonly nodes: readonly NodeId[];
  /** This node's included; only hashes that are there. */
  readonly hashes: ReadonlyMap<NodeId, string>;
  /** Nodes that have not reported had their time. */
  readonly isOver: boolean;
}

export interface Judgement {
  readonly verdict: Exclude<CheckStatus['verdict'], 'running'> | 'waiting';
  readonly detail: string;
  /** This node's copy is the one that is wrong: it must not be served. */
  readonly isWrongHere: boolean;
}

/**
 * Who differs from a strict majority of all nodes is wrong; one that has not reported may yet agree with anybody. Of a
 * keyspace's two nodes it is the one that differs from the home, if its copy is the log. Where there is no majority
 * nobody stops, and the operator decides.
 */
export function judgeCheck(reports: CheckReports): Judgement {
  const { self, nodes, hashes, isOver } = reports;
  const missing = nodes.filter((node) => !hashes.has(node));
  const groups = groupsOf(reports);
  const own = hashes.get(self);
  const right = rightHash(reports, groups);
  const isWrongHere = own !== undefined && right !== undefined && own !== right;
  const detail = [
    ...groups.map(({ hash, of }) => `${of.join(', ')}: ${hash.slice(0, 16)}`),
    ...(missing.length === 0 ? [] : [`not reported: ${missing.join(', ')}`]),
  ].join('; ');
  if (isWrongHere) return { verdict: 'differs', detail, isWrongHere };
  if (missing.length > 0 && !isOver) return { verdict: 'waiting', detail, isWrongHere };
  if (groups.length > 1) return { verdict: 'differs', detail, isWrongHere };
  return { verdict: missing.length > 0 ? 'incomplete' : 'equal', detail, isWrongHere };
}

interface Group {
  readonly hash: string;
  readonly of: readonly NodeId[];
}

/** Largest first. */
function groupsOf({ nodes, hashes }: CheckReports): Group[] {
  const byHash = new Map<string, NodeId[]>();
  for (const node of nodes) {
    const hash = hashes.get(node);
    if (hash !== undefined) byHash.set(hash, [...(byHash.get(hash) ?? []), node]);
  }
  const groups = [...byHash].map(([hash, of]) => ({ hash, of }));
  return groups.sort((a, b) => b.of.length - a.of.length);
}

function rightHash({ nodes, home, hashes }: CheckReports, groups: readonly Group[]): string | undefined {
  if (nodes.length === 2 && home !== undefined) return hashes.get(home);
  const [largest] = groups;
  return largest !== undefined && largest.of.length * 2 > nodes.length ? largest.hash : undefined;
}
