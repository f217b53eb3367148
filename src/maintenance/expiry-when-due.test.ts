import { describe, expect, it } from 'vitest';
import { begun } from '../../test/support/begun-store.js';
import { set } from '../../test/support/chain.js';
import { ManualTime } from '../../test/support/manual-time.js';
import { nextTurn } from '../../test/support/turn.js';
import { nodeId } from '../model/ids.js';
import { keyFromText, keyToText } from '../model/keys.js';
import { silentLogger } from '../runtime/runtime.js';
import type { CommitAttempt, PendingCommits, Settled } from '../transaction/pending-commits.js';
import { startExpiry } from './expiry.js';

const stepMs = 50;

interface Due {
  readonly text: string;
  readonly atMs: number;
}

/** Log times at which the keys were gone, on a keyspace where nothing else is written, until 15 s. */
async function whenGone(due: readonly Due[]): Promise<ReadonlyMap<string, number>> {
  const time = new ManualTime();
  const { store, chain } = await begun();
  const stored = due.map(({ text, atMs }) => ({ ...set(text), ttlMs: atMs - chain.logTimeMs }));
  for (let at = 0; at < stored.length; at += 500)
    await store.apply([chain.transactions(stored.slice(at, at + 500))]);
  // The sequencer: what is submitted is committed at once, at the clock's time.
  const submit = async ({ submission }: CommitAttempt): Promise<Settled> => {
    chain.logTimeMs = time.clock.nowMs();
    await store.apply([chain.batch([{ kind: 'transaction', writeSet: submission.writeSet }])]);
    return { kind: 'logged', committed: undefined, outcome: undefined as never };
  };
  const random = { bytes: (count: number) => Buffer.alloc(count, store.head.position), fraction: () => 0 };
  const stop = startExpiry({
    self: nodeId('home'),
    store,
    commits: { submit } as unknown as PendingCommits,
    runtime: { ...time, random, logger: silentLogger },
    isHome: () => true,
  });
  const goneMs = new Map<string, number>();
  store.onApplied((applied, { logTimeMs }) => {
    for (const { mutations } of applied.flatMap(({ writeSets }) => writeSets))
      for (const mutation of mutations)
        if (mutation.kind === 'expire') goneMs.set(keyToText(mutation.key)!, logTimeMs);
  });
  while (time.clock.nowMs() < 15_000) {
    time.advance(stepMs);
    for (let turn = 0; turn < 20; turn++) await nextTurn();
  }
  stop();
  const snapshot = store.snapshot();
  for (const { text } of due) expect(snapshot.get(keyFromText(text))).toBeUndefined();
  snapshot.release();
  await store.close();
  return goneMs;
}

function expectInTime(due: readonly Due[], goneMs: ReadonlyMap<string, number>): void {
  for (const { text, atMs } of due) {
    expect(goneMs.get(text)).toBeGreaterThanOrEqual(atMs);
    expect(goneMs.get(text)).toBeLessThanOrEqual(atMs + 2000);
  }
}

describe('on a keyspace where nothing else is written, in log time', () => {
  it('a key is gone within 2 s of being due, and not before', async () => {
    const due = [2234, 2235, 5000, 5001, 10_999].map((atMs) => ({ text: `due ${atMs}`, atMs }));
    expectInTime(due, await whenGone(due));
  });

  it('so are thousands of keys that are due at one moment', async () => {
    const due = Array.from({ length: 4000 }, (_, n) => ({ text: `key ${n}`, atMs: 3000 }));
    expectInTime(due, await whenGone(due));
  });
});
