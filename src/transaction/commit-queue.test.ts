import { describe, expect, it } from 'vitest';
import { ManualTime } from '../../test/support/manual-time.js';
import { limits } from '../model/limits.js';
import { CommitQueue } from './commit-queue.js';

const { submissionsMin, submissionsMax, submissionBytesMin, submissionBytesMax, commitWaitMsMax } = limits;

/** Lets in as many as it takes. */
function fill(queue: CommitQueue, bytes = 1): number {
  let entered = 0;
  for (; !queue.isFull(bytes); entered++) queue.enter(bytes);
  return entered;
}
function leave(queue: CommitQueue, count: number, bytes = 1): void {
  for (let n = 0; n < count; n++) queue.leave(bytes);
}

describe('commits that wait for their outcome', () => {
  it('may be a few at a node that was idle', () => {
    const queue = new CommitQueue(new ManualTime().clock);
    expect(fill(queue)).toBe(submissionsMin);
    leave(queue, 1);
    expect(fill(queue)).toBe(1);
  });

  it('may be as many as had it within the time that one may wait, and no more than the bound', () => {
    const time = new ManualTime();
    const queue = new CommitQueue(time.clock);
    for (let turn = 0; turn < 2; turn++) leave(queue, fill(queue));
    expect(fill(queue)).toBe(2 * submissionsMin);
    time.advance(commitWaitMsMax);
    expect(queue.isFull(1)).toBe(true);
    for (let turn = 0; turn < 5; turn++) {
      leave(queue, queue.count);
      fill(queue);
    }
    expect(queue.count).toBe(submissionsMax);
  });

  it('are as few as at first when nothing has had it for long', () => {
    const time = new ManualTime();
    const queue = new CommitQueue(time.clock);
    for (let turn = 0; turn < 3; turn++) leave(queue, fill(queue));
    time.advance(2 * commitWaitMsMax);
    expect(fill(queue)).toBe(submissionsMin);
  });

  it('are bounded in bytes in the same way; the largest transaction always fits', () => {
    const queue = new CommitQueue(new ManualTime().clock);
    const bytes = limits.transactionBytesMax + limits.readSetBytesMax;
    const few = Math.floor(submissionBytesMin / bytes);
    expect(few).toBeGreaterThanOrEqual(1);
    expect(fill(queue, bytes)).toBe(few);
    for (let turn = 0; turn < 40; turn++) {
      leave(queue, queue.count, bytes);
      fill(queue, bytes);
    }
    expect(queue.count).toBe(Math.floor(submissionBytesMax / bytes));
  });
});
