import { expect, it } from 'vitest';
import { ManualTime } from '../../test/support/manual-time.js';
import { nextTurn } from '../../test/support/turn.js';
import type { Tail } from './sequencer-link.js';
import { TailReader } from './tail-reader.js';

/** Tails that the test answers, in the order in which they were asked for. */
function asked(readersMax = 100) {
  const time = new ManualTime();
  const answers: ((tail: Tail | undefined) => void)[] = [];
  const ask = (): Promise<Tail | undefined> => new Promise((resolve) => answers.push(resolve));
  const tails = new TailReader(ask, time.timers, readersMax);
  const told: (Tail | undefined)[] = [];
  const read = (): void => {
    const at = told.length;
    told.push({ position: -1, seqno: -1 });
    void Promise.resolve(tails.read()).then((tail) => (told[at] = tail === 'full' ? undefined : tail));
  };
  const turn = async (): Promise<void> => {
    time.advance(0);
    await nextTurn();
  };
  return { tails, answers, told, read, turn };
}

const tailAt = (seqno: number): Tail => ({ position: seqno, seqno });

it('one tail serves all reads that wait when it is asked for', async () => {
  const { answers, told, read, turn } = asked();
  for (let n = 0; n < 5; n++) read();
  await turn();
  expect(answers).toHaveLength(1);
  answers[0]!(tailAt(7));
  await turn();
  expect(told).toEqual(Array.from({ length: 5 }, () => tailAt(7)));
});

it('a read that came after a tail was asked for is never served by that one', async () => {
  const { answers, told, read, turn } = asked();
  read();
  await turn();
  read();
  await turn();
  expect(answers).toHaveLength(2);
  answers[0]!(tailAt(1));
  await turn();
  expect(told[1]).toMatchObject({ seqno: -1 });
  answers[1]!(tailAt(2));
  await turn();
  expect(told).toEqual([tailAt(1), tailAt(2)]);
});

it('with many tails unanswered later reads share the next one', async () => {
  const { answers, told, read, turn } = asked();
  for (let n = 0; n < 40; n++) {
    read();
    await turn();
  }
  const inFlight = answers.length;
  expect(inFlight).toBeLessThan(40);
  answers[0]!(tailAt(1));
  await turn();
  await turn();
  expect(answers).toHaveLength(inFlight + 1);
  answers.at(-1)!(tailAt(9));
  await turn();
  expect(told.slice(inFlight)).toEqual(Array.from({ length: 40 - inFlight }, () => tailAt(9)));
});

it('a log that cannot be asked is told, and the next read asks again', async () => {
  const time = new ManualTime();
  let fails = true;
  const ask = () => (fails ? Promise.reject(new Error('gone')) : Promise.resolve(tailAt(3)));
  const tails = new TailReader(ask, time.timers, 10);
  const first = tails.read();
  time.advance(0);
  expect(await first).toBeUndefined();
  fails = false;
  const second = tails.read();
  time.advance(0);
  expect(await second).toEqual(tailAt(3));
});

it('more readers than the bound are told so at once, as long as the others wait', async () => {
  const { tails, answers, read, turn } = asked(3);
  for (let n = 0; n < 3; n++) read();
  expect(tails.read()).toBe('full');
  await turn();
  expect(tails.read()).toBe('full');
  answers[0]!(tailAt(1));
  await turn();
  expect(tails.read()).toBeInstanceOf(Promise);
});
