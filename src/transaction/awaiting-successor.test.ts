import { describe, expect, it } from 'vitest';
import { CommittingNode, hash, id } from '../../test/support/committing-node.js';
import { nextTurn } from '../../test/support/turn.js';
import { seqno } from '../model/ids.js';
import { limits } from '../model/limits.js';

const successorMsMax = 5000;

function nodeWithoutSequencer(): CommittingNode {
  const node = new CommittingNode(successorMsMax);
  node.link.serving = false;
  node.commits.onNotServing();
  return node;
}

describe('a commit that comes while the sequencer of a shared log changes', () => {
  it('waits, and is submitted to the successor as a first attempt', async () => {
    const node = nodeWithoutSequencer();
    const told = node.submit(id(1));
    await nextTurn();
    expect(told.settled).toBeUndefined();
    expect(node.sent).toEqual([]);
    node.link.serving = true;
    node.commits.onServing();
    expect(node.sent.map(({ retry }) => retry)).toEqual([false]);
    node.time.advance(2 * successorMsMax);
    node.applied(id(1), { kind: 'committed', seqno: seqno(7), contentHash: hash, results: [null] });
    await nextTurn();
    expect(told.settled).toMatchObject({ kind: 'logged' });
  });

  it('is refused when none comes in time: it was never sent', async () => {
    const node = nodeWithoutSequencer();
    const told = node.submit(id(1));
    node.time.advance(successorMsMax);
    await nextTurn();
    expect(told.settled).toMatchObject({ kind: 'refused', code: 'SEQUENCER_UNAVAILABLE', certain: true });
    const late = node.submit(id(2));
    await nextTurn();
    expect(late.settled).toMatchObject({ kind: 'refused', code: 'SEQUENCER_UNAVAILABLE', certain: true });
    expect(node.commits.size).toBe(0);
  });

  it('is refused with certainty when the node stops before', async () => {
    const node = nodeWithoutSequencer();
    const told = node.submit(id(1));
    node.commits.stop();
    await nextTurn();
    expect(told.settled).toMatchObject({ kind: 'refused', code: 'SEQUENCER_UNAVAILABLE', certain: true });
  });

  it('is refused when as many wait already as may', async () => {
    const node = nodeWithoutSequencer();
    for (let n = 0; n < limits.submissionsMin; n++) node.submit(id(n));
    const told = node.submit(id(limits.submissionsMin));
    await nextTurn();
    expect(told.settled).toMatchObject({ kind: 'refused', code: 'OVERLOADED' });
    expect(node.sent).toEqual([]);
  });
});
