import { expect, it } from 'vitest';
import { eventually } from './eventually.js';

it('tries again while the probe throws or returns false, and returns its value', async () => {
  const answers = [
    () => {
      throw new Error('not yet');
    },
    () => false as const,
    () => 'there',
  ];
  expect(await eventually(() => answers.shift()!(), { everyMs: 1 })).toBe('there');
  expect(answers).toHaveLength(0);
});

it('rejects with what it waited for and the last failure', async () => {
  const waiting = eventually(() => Promise.reject(new Error('still 2')), {
    withinMs: 5,
    everyMs: 1,
    what: 'a third row',
  });
  await expect(waiting).rejects.toThrow('a third row did not hold within 5 ms: still 2');
});
