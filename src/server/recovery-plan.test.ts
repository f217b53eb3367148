import { describe, expect, it } from 'vitest';
import { mintKeyspaceId, nodeId, seqno, type KeyspaceId } from '../model/ids.js';
import { missing, otherHistories, planOf, seqnoSeen, type KnownCopy } from './recovery-plan.js';

const history = mintKeyspaceId(Buffer.alloc(16, 1));
const other = mintKeyspaceId(Buffer.alloc(16, 2));

interface Told {
  readonly uuid?: KeyspaceId;
  readonly seqno?: number;
  readonly state?: string;
  readonly seen?: number;
  readonly hash?: string;
  readonly isUsable?: boolean;
}

function at(node: string, position: number, told: Told = {}): KnownCopy {
  const { uuid = history, state = 'synced', seen = 0, hash = `${position}`, isUsable = true } = told;
  const copy = { node: nodeId(node), uuid, position, seqno: seqno(told.seqno ?? position), epoch: 1, state };
  return { node: copy.node, copy, hash, seenPosition: seen, isUsable };
}

function empty(node: string, seenPosition = 0): KnownCopy {
  const nothing = { uuid: undefined, position: -1, seqno: seqno(0), epoch: 0, state: 'no-history' };
  return {
    node: nodeId(node),
    copy: { node: nodeId(node), ...nothing },
    hash: '',
    seenPosition,
    isUsable: false,
  };
}

const silent = (node: string): KnownCopy => ({ ...empty(node), copy: undefined });
const facts = (...nodes: KnownCopy[]) => ({ nodes, noted: undefined, without: [] });

describe('the source', () => {
  it('is the copy that has come furthest', () => {
    const plan = planOf(facts(at('home', 5), at('east', 9), at('west', 7)));
    expect(plan).toMatchObject({ source: 'east', seqno: 9, unproven: undefined, warnings: [] });
    expect(plan.copies).toHaveLength(3);
  });

  it('is the own copy, which need not travel, when it is as far as any', () => {
    expect(planOf(facts(at('home', 9), at('east', 9))).source).toBe('home');
  });

  it('is of the newer history, whose seqnos are above all of the older', () => {
    const old = at('east', 5000, { uuid: other, seqno: 4000 });
    const plan = planOf(facts(empty('home'), old, at('west', 3, { seqno: 1_000_000_002 })));
    expect(plan.source).toBe('west');
    expect(plan.warnings).toEqual([`east holds another history, ${other}`]);
  });

  it('is none that cannot be taken, and that is said', () => {
    const plan = planOf(
      facts(empty('home'), at('east', 9, { isUsable: false, state: 'damaged' }), at('west', 7)),
    );
    expect(plan).toMatchObject({ source: 'west', unproven: { fromPosition: 8, toPosition: 9 } });
    expect(plan.warnings).toEqual(['east holds position 9, and is damaged: its copy cannot be taken']);
  });

  it('is undefined when nobody has a copy', () => {
    const plan = planOf(facts(empty('home'), empty('east')));
    expect(plan).toMatchObject({ source: undefined, seqno: 0, unproven: undefined });
    expect(plan.warnings).toEqual(['no node has a copy that can be taken']);
  });
});

describe('what cannot be proven', () => {
  it('are positions that a node has seen and the source does not hold', () => {
    const plan = planOf(facts(empty('home'), at('east', 9, { seen: 12 }), at('west', 7, { seen: 11 })));
    expect(plan.unproven).toEqual({ fromPosition: 10, toPosition: 12 });
  });

  it('are those that a node without a copy has seen', () => {
    expect(planOf(facts(empty('home', 12), at('east', 9))).unproven).toEqual({
      fromPosition: 10,
      toPosition: 12,
    });
  });

  it('are those that the home had noted of its own store, if of the same history', () => {
    const nodes = [empty('home'), at('east', 9)];
    const noted = { keyspaceId: history, position: 10 };
    expect(planOf({ nodes, noted, without: [] }).unproven).toEqual({ fromPosition: 10, toPosition: 10 });
    expect(planOf({ nodes, noted: { ...noted, keyspaceId: other }, without: [] }).unproven).toBeUndefined();
  });

  it('are none of another history', () => {
    const foreign = at('west', 99, { uuid: other, seqno: 1, seen: 99 });
    expect(planOf(facts(at('home', 9), foreign)).unproven).toBeUndefined();
  });

  it('is which of two entries at one position counts: a fork is told', () => {
    const plan = planOf(facts(at('home', 9, { hash: 'a' }), at('east', 9, { hash: 'b' })));
    expect(plan.warnings).toEqual(['east holds another entry at position 9: the history was forked']);
  });
});

describe('a copy that differs', () => {
  it('is told also where it ends before the source: what it alone holds is not restored', () => {
    const east = at('east', 7, { state: 'inconsistent', isUsable: false });
    expect(planOf(facts(at('home', 9), east, at('west', 5))).warnings).toEqual([
      'east holds position 7, and is inconsistent: what differs there is not restored',
    ]);
  });
});

describe('a history that this node had noted, and that nobody holds any more', () => {
  const noted = { keyspaceId: other, position: 30, seqno: 2_000_000_005 };
  const lost = { nodes: [empty('home'), at('east', 9)], noted, without: [] };

  it('is told: it is lost', () => {
    expect(planOf(lost).warnings).toEqual([
      `this node held history ${other} up to position 30, and no node has a copy of it`,
    ]);
    expect(planOf({ ...lost, nodes: [...lost.nodes, at('west', 30, { uuid: other })] }).warnings).toEqual([
      `east holds another history, ${history}`,
    ]);
  });

  it('is replaced too, and the new seqnos are above those that it gave', () => {
    expect(otherHistories(lost, history)).toEqual([
      { keyspaceId: other, position: 30, seqno: 2_000_000_005 },
    ]);
    expect(seqnoSeen(lost)).toBe(2_000_000_005);
  });
});

it('every history that a node holds beside that of the source is replaced, and none twice', () => {
  const nodes = [empty('home'), at('east', 9), at('west', 7, { uuid: other }), at('north', 8)];
  const noted = { keyspaceId: other, position: 7 };
  expect(otherHistories({ nodes, noted, without: [] }, history)).toEqual([
    { keyspaceId: other, position: 7, seqno: 7 },
  ]);
  expect(seqnoSeen({ nodes, noted, without: [] })).toBe(9);
});

describe('a log that nodes share', () => {
  const nodes = [at('home', 9), at('east', 9)];

  it('is told of when it is empty, of another history, or cannot be asked', () => {
    const warningsOf = (log: { readonly keyspaceId: KeyspaceId | undefined } | string) =>
      planOf({ ...facts(...nodes), log }).warnings;
    expect(warningsOf({ keyspaceId: history })).toEqual([]);
    expect(warningsOf({ keyspaceId: undefined })).toEqual(['the log that the nodes share holds no history']);
    expect(warningsOf({ keyspaceId: other })).toEqual([
      `the log that the nodes share is of another history, ${other}`,
    ]);
    expect(warningsOf('it does not answer')).toEqual(['it does not answer']);
  });

  it('has its history replaced, also when no node holds that', () => {
    const log = { keyspaceId: other };
    expect(otherHistories({ ...facts(...nodes), log }, history)).toEqual([
      { keyspaceId: other, position: 0, seqno: 0 },
    ]);
    expect(otherHistories({ ...facts(...nodes), log: { keyspaceId: history } }, history)).toEqual([]);
  });

  it('may be restored from a copy that is inconsistent with it alone', () => {
    const east = at('east', 12, { state: 'inconsistent' });
    const plan = planOf({ ...facts(nodes[0]!, east), log: { keyspaceId: other } });
    expect(plan).toMatchObject({ source: 'east', unproven: undefined });
    expect(plan.warnings).toHaveLength(1);
  });
});

it('a node that cannot be asked is missing, unless it is named as lost', () => {
  const nodes = [at('home', 9), silent('east')];
  expect(missing(facts(...nodes))).toEqual(['east']);
  expect(planOf(facts(...nodes)).warnings).toEqual(['east cannot be asked; if it is lost, name it']);
  const without = { ...facts(...nodes), without: ['east'] };
  expect(missing(without)).toEqual([]);
  expect(planOf(without).warnings).toEqual(['east is not asked: what it alone holds is lost']);
});
