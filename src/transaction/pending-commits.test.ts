import { describe, expect, it } from 'vitest';
import { CommittingNode, hash, id } from '../../test/support/committing-node.js';
import { nextTurn } from '../../test/support/turn.js';
import { seqno } from '../model/ids.js';
import { limits } from '../model/limits.js';
import type { LoggedOutcome } from '../model/outcome.js';
import { contentHashOf } from '../model/write-set.js';

const committed: LoggedOutcome = { kind: 'committed', seqno: seqno(7), contentHash: hash, results: [null] };
const conflict = {
  kind: 'aborted',
  code: 'CERTIFICATION_CONFLICT',
  conflictKey: Buffer.from('k'),
  conflictSeqno: 3,
} as const;

describe('a commit', () => {
  it('is settled by its applied entry alone, not by the word that it committed', async () => {
    const node = new CommittingNode();
    const told = node.submit(id(1));
    node.verdict(id(1), { kind: 'committed', seqno: 7 });
    await nextTurn();
    expect(told.settled).toBeUndefined();
    node.applied(id(1), committed);
    await nextTurn();
    expect(told.settled).toMatchObject({ kind: 'logged', outcome: committed });
    expect(node.commits.size).toBe(0);
  });

  it('that committed before, and whose outcome this node no longer keeps, has an unknown outcome: it does not wait', async () => {
    const node = new CommittingNode();
    node.store.head.seqno = 7;
    const told = node.submit(id(1), { mayBeRetry: true });
    node.verdict(id(1), { kind: 'committed', seqno: 7 });
    await nextTurn();
    expect(told.settled).toMatchObject({ kind: 'refused', code: 'TRANSACTION_ID_TOO_OLD', certain: false });
    expect(node.commits.size).toBe(0);
  });

  it('that is told to have committed while the store cannot be read is asked for again', async () => {
    const node = new CommittingNode();
    const told = node.submit(id(1), { mayBeRetry: true });
    node.store.head.seqno = 7;
    node.store.halted = 'a batch failed';
    node.verdict(id(1), { kind: 'committed', seqno: 7 });
    await nextTurn();
    expect(told.settled).toBeUndefined();
    node.store.halted = undefined;
    node.outcomes.set(id(1), committed);
    node.time.advance(1000);
    expect(node.sent).toHaveLength(2);
    node.verdict(id(1), { kind: 'committed', seqno: 7 });
    await nextTurn();
    expect(told.settled).toMatchObject({ kind: 'logged', outcome: committed });
  });

  it('of an id whose outcome is here is answered by that, and nothing is sent', async () => {
    const node = new CommittingNode();
    node.outcomes.set(id(1), committed);
    node.link.serving = false;
    const told = node.submit(id(1));
    const other = node.submit(id(1), { contentHash: contentHashOf(['another']) });
    await nextTurn();
    expect(told.settled).toEqual({ kind: 'logged', outcome: committed });
    expect(other.settled).toEqual({ kind: 'reused', seqno: 7 });
    expect(node.sent).toEqual([]);
  });

  it('whose id another content took is told that it was reused', async () => {
    const node = new CommittingNode();
    const told = node.submit(id(1));
    node.applied(id(1), { ...committed, contentHash: contentHashOf(['another']) });
    await nextTurn();
    expect(told.settled).toEqual({ kind: 'reused', seqno: 7 });
  });
});

describe('duplicates', () => {
  it('join the first: one submission, one outcome for all', async () => {
    const node = new CommittingNode();
    const told = [node.submit(id(1)), node.submit(id(1), { mayBeRetry: true })];
    expect(node.sent).toHaveLength(1);
    node.applied(id(1), committed);
    await nextTurn();
    for (const { settled } of told) expect(settled).toMatchObject({ kind: 'logged', outcome: committed });
  });

  it('with another content are told that the id is in use; a resolution joins whatever the content', async () => {
    const node = new CommittingNode();
    node.submit(id(1));
    const other = node.submit(id(1), { contentHash: contentHashOf(['another']) });
    const resolution = node.submit(id(1), { contentHash: undefined });
    await nextTurn();
    expect(other.settled).toEqual({ kind: 'reused', seqno: undefined });
    node.applied(id(1), committed);
    await nextTurn();
    expect(resolution.settled).toMatchObject({ kind: 'logged' });
  });

  it('make the first attempt one that accepts a tombstone only', async () => {
    const node = new CommittingNode();
    const first = node.submit(id(1));
    node.submit(id(1));
    node.verdict(id(1), conflict);
    await nextTurn();
    expect(first.settled).toBeUndefined();
    expect(node.sent.map(({ retry }) => retry)).toEqual([false, true]);
    node.verdict(id(1), { ...conflict, tombstone: true });
    await nextTurn();
    expect(first.settled).toMatchObject({ kind: 'logged', outcome: { kind: 'aborted' } });
  });
});

describe('an abort without a tombstone', () => {
  it('is accepted by an only attempt, with its conflict', async () => {
    const node = new CommittingNode();
    const told = node.submit(id(1));
    node.verdict(id(1), conflict);
    await nextTurn();
    expect(told.settled).toMatchObject({
      kind: 'aborted',
      outcome: { code: 'CERTIFICATION_CONFLICT', conflict: { key: 'k', winner: 3 } },
    });
  });

  it('is not accepted after a resubmission, until it comes with one', async () => {
    const node = new CommittingNode();
    const told = node.submit(id(1));
    node.commits.onServing();
    expect(node.sent.map(({ retry }) => retry)).toEqual([false, true]);
    node.verdict(id(1), conflict);
    await nextTurn();
    expect(told.settled).toBeUndefined();
    expect(node.sent).toHaveLength(3);
    node.verdict(id(1), { ...conflict, tombstone: true });
    await nextTurn();
    expect(told.settled).toMatchObject({ kind: 'logged' });
  });

  it('is not accepted by what may be a retry, which is sent as one', async () => {
    const node = new CommittingNode();
    const told = node.submit(id(1), { mayBeRetry: true });
    expect(node.sent).toMatchObject([{ retry: true }]);
    node.verdict(id(1), conflict);
    await nextTurn();
    expect(told.settled).toBeUndefined();
  });
});

describe('a refusal', () => {
  it.each(['OVERLOADED', 'SEQUENCER_UNAVAILABLE', 'HISTORY_MISMATCH'])(
    '%s of an only attempt is certain',
    async (code) => {
      const node = new CommittingNode();
      const told = node.submit(id(1));
      node.verdict(id(1), { kind: 'refused', code });
      await nextTurn();
      expect(told.settled).toMatchObject({ kind: 'refused', code, certain: true });
    },
  );

  it.each(['OVERLOADED', 'SEQUENCER_UNAVAILABLE'])(
    '%s of what was sent before proves nothing: it is sent again until the log knows',
    async (code) => {
      const node = new CommittingNode();
      const told = node.submit(id(1), { mayBeRetry: true });
      for (let sends = 1; sends < 4; sends++) {
        expect(node.sent).toHaveLength(sends);
        node.verdict(id(1), { kind: 'refused', code });
        node.time.advance(1000);
      }
      await nextTurn();
      expect(told.settled).toBeUndefined();
      node.applied(id(1), committed);
      await nextTurn();
      expect(told.settled).toMatchObject({ kind: 'logged' });
    },
  );

  it('of several copies is answered by one more, not by one for each', async () => {
    const node = new CommittingNode();
    node.submit(id(1), { mayBeRetry: true });
    node.commits.onServing();
    for (let seconds = 1; seconds <= 3; seconds++) {
      for (let copies = 0; copies < 2; copies++) node.verdict(id(1), { kind: 'refused', code: 'OVERLOADED' });
      node.time.advance(1000);
      expect(node.sent).toHaveLength(2 + seconds);
    }
    await nextTurn();
  });

  it('that will not pass leaves a retry unknown', async () => {
    const node = new CommittingNode();
    const told = node.submit(id(1), { mayBeRetry: true });
    node.verdict(id(1), { kind: 'refused', code: 'TRANSACTION_ID_TOO_OLD' });
    await nextTurn();
    expect(told.settled).toMatchObject({ kind: 'refused', certain: false });
  });

  it('waits for a sequencer that serves, and is then sent as a retry', async () => {
    const node = new CommittingNode();
    node.submit(id(1), { mayBeRetry: true });
    node.verdict(id(1), { kind: 'refused', code: 'SEQUENCER_UNAVAILABLE' });
    node.link.serving = false;
    node.time.advance(10_000);
    expect(node.sent).toHaveLength(1);
    node.commits.onServing();
    expect(node.sent).toHaveLength(2);
  });
});

describe('before anything is taken', () => {
  it('no sequencer refuses: certain for a first attempt, not for a retry', async () => {
    const node = new CommittingNode();
    node.link.serving = false;
    const told = [node.submit(id(1)), node.submit(id(2), { mayBeRetry: true })];
    await nextTurn();
    const refused = { kind: 'refused', code: 'SEQUENCER_UNAVAILABLE', detail: 'cut off' };
    expect(told).toMatchObject([
      { settled: { ...refused, certain: true } },
      { settled: { ...refused, certain: false } },
    ]);
    expect(node.commits.size).toBe(0);
  });

  it('the bound on their number refuses one more, and takes it when there is room', async () => {
    const node = new CommittingNode();
    for (let n = 0; n < limits.submissionsMin; n++) node.submit(id(n));
    const above = node.submit(id(limits.submissionsMin));
    await nextTurn();
    expect(above.settled).toMatchObject({ kind: 'refused', code: 'OVERLOADED', certain: true });
    expect(node.sent).toHaveLength(limits.submissionsMin);
    node.applied(id(0), committed);
    node.submit(id(limits.submissionsMin));
    expect(node.sent).toHaveLength(limits.submissionsMin + 1);
  });

  it('the bound on their bytes refuses what is above it', async () => {
    const node = new CommittingNode();
    const each = limits.transactionBytesMax;
    const fit = Math.floor(limits.submissionBytesMin / (each + 64));
    for (let n = 0; n < fit; n++) node.submit(id(n), { bytes: each });
    const above = node.submit(id(fit), { bytes: each });
    await nextTurn();
    expect(node.sent).toHaveLength(fit);
    expect(above.settled).toMatchObject({ code: 'OVERLOADED' });
  });
});

it('who waits when the node stops is told that the outcome is unknown', async () => {
  const node = new CommittingNode();
  const told = node.submit(id(1));
  node.commits.stop();
  await nextTurn();
  expect(told.settled).toMatchObject({ kind: 'refused', code: 'COMMIT_OUTCOME_UNKNOWN', certain: false });
});

describe('commits that wait too long', () => {
  it('have new ones refused before they are sent, until the oldest has its outcome', async () => {
    const node = new CommittingNode();
    node.submit(id(1));
    node.time.advance(10);
    node.submit(id(2));
    node.time.advance(limits.commitWaitMsMax - 10);
    expect(node.commits.overdue).toBe(false);
    node.time.advance(1);
    expect(node.commits.overdue).toBe(true);
    const refused = node.submit(id(3));
    await nextTurn();
    expect(refused.settled).toMatchObject({ kind: 'refused', code: 'OVERLOADED', certain: true });
    expect(node.sent).toHaveLength(2);
    node.applied(id(1), committed);
    expect(node.commits.overdue).toBe(false);
    node.submit(id(3));
    expect(node.sent).toHaveLength(3);
  });

  it('count from when they were sent last: a sequencer that begins anew has its time', () => {
    const node = new CommittingNode();
    node.submit(id(1));
    node.time.advance(limits.commitWaitMsMax + 1);
    expect(node.commits.overdue).toBe(true);
    node.commits.onServing();
    expect(node.commits.overdue).toBe(false);
  });

  it('shed no load while there is no sequencer: that is another refusal, and reads go on', async () => {
    const node = new CommittingNode();
    node.submit(id(1));
    node.time.advance(limits.commitWaitMsMax + 1);
    expect(node.commits.sheds()).toBe(true);
    node.link.serving = false;
    expect(node.commits.sheds()).toBe(false);
    const refused = node.submit(id(2));
    await nextTurn();
    expect(refused.settled).toMatchObject({ kind: 'refused', code: 'SEQUENCER_UNAVAILABLE' });
  });
});
