import { describe, expect, it } from 'vitest';
import { nodeId, type NodeId } from '../model/ids.js';
import { judgeCheck } from './judge-check.js';

const all = ['home', 'east', 'west', 'north', 'south'].map((name) => nodeId(name));
const [home, east, west] = all as [NodeId, NodeId, NodeId];

/** `hashes`: home's, east's, west's and so on; undefined: not reported. As `self` judges. */
const judge = (self: NodeId, hashes: readonly (string | undefined)[], isOver = false) => {
  const nodes = all.slice(0, hashes.length);
  const reported = nodes.flatMap((node, i) => (hashes[i] === undefined ? [] : [[node, hashes[i]] as const]));
  return judgeCheck({ self, home, nodes, hashes: new Map(reported), isOver });
};

describe('a consistency check', () => {
  it('is equal once every node has reported the same', () => {
    expect(judge(east, ['a', 'a', 'a'])).toMatchObject({ verdict: 'equal', isWrongHere: false });
    expect(judge(east, ['a', 'a', undefined])).toMatchObject({ verdict: 'waiting', isWrongHere: false });
    expect(judge(home, ['a'])).toMatchObject({ verdict: 'equal', isWrongHere: false });
  });

  it('condemns nobody of two that differ where neither copy is the log', () => {
    const hashes = new Map([
      [home, 'a'],
      [east, 'b'],
    ]);
    const nodes = [home, east];
    for (const self of nodes)
      expect(judgeCheck({ self, home: undefined, nodes, hashes, isOver: true })).toMatchObject({
        verdict: 'differs',
        isWrongHere: false,
      });
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

  it('stops nobody on the word of a few: nodes that did not report in time may agree with the others', () => {
    for (const late of [[undefined], [undefined, undefined]])
      expect(judge(home, ['a', 'b', 'b', ...late], true)).toMatchObject({
        verdict: 'differs',
        isWrongHere: false,
      });
    expect(judge(home, ['a', 'b', 'b', 'b', undefined])).toMatchObject({
      verdict: 'differs',
      isWrongHere: true,
    });
    expect(judge(east, ['a', 'b', 'a', 'a'])).toMatchObject({ verdict: 'differs', isWrongHere: true });
    expect(judge(east, ['a', 'b', 'b', 'a'])).toMatchObject({ verdict: 'differs', isWrongHere: false });
  });

  it('goes by the home where there are two nodes', () => {
    expect(judge(east, ['a', 'b'])).toMatchObject({ verdict: 'differs', isWrongHere: true });
    expect(judge(home, ['a', 'b'])).toMatchObject({ verdict: 'differs', isWrongHere: false });
  });
});
