import { expect, it, onTestFinished } from 'vitest';
import { ManualTime } from '../../../test/support/manual-time.js';
import { nextTurn } from '../../../test/support/turn.js';
import { LogClosed } from '../ordered-log.js';
import { Closing } from './closing.js';
import { EtcdError } from './etcd-kv.js';

it('what was asked for as the log was closed, and fails later, ends no process', async () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', note);
  onTestFinished(() => void process.off('unhandledRejection', note));
  const closing = new Closing(new ManualTime().timers);
  closing.close();
  const work = nextTurn().then(() => Promise.reject(new EtcdError('unknown', 'no answer')));
  await expect(closing.until(work)).rejects.toThrow(LogClosed);
  await nextTurn();
  await nextTurn();
  expect(unhandled).toEqual([]);
});
