import { describe, expect, it } from 'vitest';
import { nodeId, type NodeId } from '../model/ids.js';
import { judgeCheck } from './judge-check.js';

const [home, east, west] = ['home', 'east', 'west'].map((name) => nodeId(name)) as [NodeId, NodeId, NodeId];

/** `hashes`: home's, east's, west's; undefined: not reported. As `self` judges. */
const judge = (self: NodeId, hashes: readonly (string | undefined)[], isOver = false) => {
  const nodes = [home, east, west].slice(0, hashes.length);
  const reported = nodes.flatMap((node, i) => (hashes[i] === undefined ? [] : [[node, hashes[i]] as const]));
  return judgeCheck({ self, home, nodes, hashes: new Map(reported), isOver });
};

describe('a consistency check', () => {
  it('is equal once every node has reported the same', () => {
    expect(judge(east, ['a', 'a', 'a'])).toMatchObject({ verdict: 'equal', isWrongHere: false });
    expect(judge(east, ['a', 'a', undefined])).toMatchObject({ verdict: 'waiting', isWrongHere: false });
    expect(judge(home, ['a'])).toMatchObject({ verdict: 'equal', isWrongHere: false });
  });

  it('is incomplete when a node did not report in time, and names it', () => {
    const judged = judge(east, ['a', 'a', undefined], true);
    expect(judged).toMatchObject({ verdict: 'incomplete', isWrongHere: false });
    expect(judged.detail).toContain('not reported: west');
  });

  it('finds the one that differs from the majority, the home too, before the last has reported', () => {
    expect(judge(west, ['a', 'a', 'b'])).toMatchObject({ verdict: 'differs', isWrongHere: true });
    expect(judge(east, ['a', 'a', 'b'])).toMatchObject({ verdict: 'differs', isWrongHere: false });
    expect(judge(home, ['a', 'b', 'b'])).toMatchObject({ verdict: 'differs', isWrongHere: true });
    const judged = judge(west, ['a', 'a', 'b']);
    expect(judged.detail).toBe('home, east: a; west: b');
  });

  it('stops nobody where there is no majority', () => {
    for (const self of [home, east, west])
      expect(judge(self, ['a', 'b', 'c'])).toMatchObject({ verdict: 'differs', isWrongHere: false });
    expect(judge(east, ['a', 'b', undefined])).toMatchObject({ verdict: 'waiting', isWrongHere: false });
    expect(judge(east, ['a', 'b', undefined], true)).toMatchObject({
      verdict: 'differs',
      isWrongHere: false,
    });
  });

  it('goes by the home where there are two nodes', () => {
    expect(judge(east, ['a', 'b'])).toMatchObject({ verdict: 'differs', isWrongHere: true });
    expect(judge(home, ['a', 'b'])).toMatchObject({ verdict: 'differs', isWrongHere: false });
  });
});
