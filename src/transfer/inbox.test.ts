import { expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.js';
import { ManualTime } from '../../test/support/manual-time.js';
import { createLoopbackPair } from '../transport/loopback.js';
import { silentLogger } from '../runtime/runtime.js';
import { createSystemRuntime } from '../runtime/system/runtime.js';
import { Inbox } from './inbox.js';

const { timers } = createSystemRuntime(silentLogger);
const time = new ManualTime();

function opened() {
  const [near, far] = createLoopbackPair(timers);
  const options = { decode: (bytes: Uint8Array) => bytes.length, bytesMax: 1000, silentMsMax: 50 };
  return { far, inbox: new Inbox(near, { ...options, timers: time.timers }) };
}

it('pauses the stream while more than its bound waits, and loses nothing', async () => {
  const { far, inbox } = opened();
  let sent = 1;
  far.send(Buffer.alloc(100_000));
  await eventually(() => expect(inbox.waiting).toBe(true));
  // As long as nobody takes anything the sender meets its high-water mark, and stays there.
  do sent += 1;
  while (far.send(Buffer.alloc(100_000)));
  let drained = false;
  void far.drained().then(() => (drained = true));
  await new Promise<void>((resolve) => timers.after(5, resolve));
  expect(drained).toBe(false);
  for (let taken = 0; taken < sent; taken += 1) expect(await inbox.next()).toBe(100_000);
  await eventually(() => drained);
});

it('gives what came before a close, then says why it is closed', async () => {
  const { far, inbox } = opened();
  far.send(Buffer.alloc(7));
  far.close('that was all');
  expect(await inbox.next()).toBe(7);
  expect(await inbox.next()).toBeUndefined();
  expect(inbox.closed).toMatch(/that was all/);
});

it('gives up a side that says nothing while it is waited for', async () => {
  const { inbox } = opened();
  const next = inbox.next();
  time.advance(60);
  expect(await next).toBeUndefined();
  expect(inbox.closed).toMatch(/nothing was heard for 50 ms/);
});
