import { describe, expect, it } from 'vitest';
import { decodeEntryHeader } from '../../src/model/entry.js';
import { logPosition, type KeyspaceId } from '../../src/model/ids.js';
import type { Beginning } from '../../src/ordering/genesis.js';
import { LogClosed, type Fence, type OrderedLog } from '../../src/ordering/ordered-log.js';
import { Chain, set } from '../support/chain.js';

/** One ordered log as two candidates see it. */
export interface LogUnderTest {
  readonly candidates: readonly [OrderedLog, OrderedLog];
  /** Of a log with leases: ends that of who leads, without telling it. Elsewhere another may lead at once. */
  readonly makeWay?: () => Promise<void>;
  /** The candidates' machines lose power; what comes back. */
  crash(): Promise<LogUnderTest>;
  close(): Promise<void>;
}

/** Makes a log of its own, with a history that begins so, or an empty one. */
export type MakeLog = (beginning: Beginning | undefined) => Promise<LogUnderTest>;

export const beginning: Beginning = {
  keyspaceId: '11111111-2222-4333-8444-555555555555' as KeyspaceId,
  keyspace: 'default',
  nowMs: 500,
  nonce: Buffer.alloc(16, 1),
};

export const nonceA = Buffer.alloc(16, 0xa);
export const nonceB = Buffer.alloc(16, 0xb);
export const everything = Number.MAX_SAFE_INTEGER;

export async function led(log: OrderedLog, nonce: Buffer): Promise<Fence> {
  const answer = await log.lead(nonce);
  if ('notNow' in answer) throw new Error(`cannot lead: ${answer.notNow}`);
  return answer.fence;
}

export async function chainAt(log: OrderedLog, nonce: Buffer): Promise<Chain> {
  return new Chain(await log.tail(), nonce);
}

export async function appendNext(log: OrderedLog, fence: Fence, chain: Chain, text = 'k'): Promise<string> {
  const bytes = chain.transactions([set(text)]);
  return log.append(fence, logPosition(chain.tail.position), bytes);
}

export async function positions(log: OrderedLog, from = 0): Promise<number[]> {
  const found = await log.read(logPosition(from), everything);
  if (found === 'trimmed') throw new Error('trimmed');
  return found.map((bytes) => decodeEntryHeader(bytes).position);
}

/** Appends, crashes, and says what of the acknowledged is not there; empty when all is well. */
export async function lostAfterCrash(make: MakeLog): Promise<string[]> {
  const before = await make(beginning);
  const [log] = before.candidates;
  const fence = await led(log, nonceA);
  const chain = await chainAt(log, nonceA);
  const acknowledged: Uint8Array[] = [];
  for (let i = 0; i < 5; i++) {
    const bytes = chain.transactions([set(`k${i}`)]);
    if ((await log.append(fence, logPosition(chain.tail.position), bytes)) === 'durable')
      acknowledged.push(bytes);
  }
  const after = await before.crash();
  const found = await after.candidates[0].read(logPosition(0), everything);
  const kept = found === 'trimmed' ? [] : found.map((bytes) => Buffer.from(bytes).toString('hex'));
  await after.close();
  return acknowledged
    .map((bytes) => Buffer.from(bytes).toString('hex'))
    .filter((hex) => !kept.includes(hex))
    .map((hex) => `acknowledged entry ${decodeEntryHeader(Buffer.from(hex, 'hex')).position} is gone`);
}

/** What every ordered log must do, whatever keeps it. */
export function orderedLogConformance(name: string, make: MakeLog, options: { shared?: boolean } = {}): void {
  type Succeed = (log: OrderedLog, nonce: Buffer) => Promise<Fence>;
  const using = async (
    work: (a: OrderedLog, b: OrderedLog, succeed: Succeed) => Promise<void>,
  ): Promise<void> => {
    const made = await make(beginning);
    const [a, b] = made.candidates;
    const succeed: Succeed = async (log, nonce) => {
      await made.makeWay?.();
      return led(log, nonce);
    };
    try {
      await work(a, b, succeed);
    } finally {
      await made.close();
    }
  };

  describe(`${name}: leading`, () => {
    it('refuses to lead an empty history and names the way out', async () => {
      const made = await make(undefined);
      expect(await made.candidates[0].lead(nonceA)).toEqual({
        notNow: expect.stringContaining('meridian init'),
      });
      expect((await made.candidates[0].tail()).position).toBe(-1);
      await made.close();
    });

    it('refuses the append of a deposed leader, which leaves no trace', async () => {
      await using(async (a, b, succeed) => {
        const fenceA = await led(a, nonceA);
        const chain = await chainAt(a, nonceA);
        await succeed(b, nonceB);
        expect(await appendNext(a, fenceA, chain)).toBe('deposed');
        expect(await positions(b)).toEqual([0]);
      });
    });

    it('lets the successor append where the deposed leader stopped', async () => {
      await using(async (a, b, succeed) => {
        const fenceA = await led(a, nonceA);
        expect(await appendNext(a, fenceA, await chainAt(a, nonceA))).toBe('durable');
        const fenceB = await succeed(b, nonceB);
        expect(await appendNext(b, fenceB, await chainAt(b, nonceB))).toBe('durable');
        expect(await positions(a)).toEqual([0, 1, 2]);
      });
    });

    it('deposes an own older election too', async () => {
      await using(async (a) => {
        const older = await led(a, nonceA);
        await led(a, nonceB);
        expect(await appendNext(a, older, await chainAt(a, nonceA))).toBe('deposed');
      });
    });

    it.each(['append first', 'election first'])(
      'decides a race of append and election: %s',
      async (order) => {
        await using(async (a, b, succeed) => {
          const fenceA = await led(a, nonceA);
          const chain = await chainAt(a, nonceA);
          const appending = (): Promise<string> => appendNext(a, fenceA, chain);
          const [outcome, fenceB] =
            order === 'append first'
              ? await Promise.all([appending(), succeed(b, nonceB)])
              : await Promise.all([succeed(b, nonceB), appending()]).then(
                  ([fence, done]) => [done, fence] as const,
                );
          expect(await positions(b)).toEqual(outcome === 'durable' ? [0, 1] : [0]);
          expect(await appendNext(b, fenceB, await chainAt(b, nonceB))).toBe('durable');
          expect(await appendNext(a, fenceA, chain)).toBe('deposed');
        });
      },
    );

    it('gives one position to one of two leaders', async () => {
      await using(async (a, b, succeed) => {
        const [chainA, chainB] = [await chainAt(a, nonceA), await chainAt(b, nonceB)];
        const fenceA = await led(a, nonceA);
        const fenceB = await succeed(b, nonceB);
        const outcomes = await Promise.all([appendNext(a, fenceA, chainA), appendNext(b, fenceB, chainB)]);
        expect(outcomes).toEqual(['deposed', 'durable']);
        const tail = await a.tail();
        expect(tail.chainHash).toEqual(chainB.tail.chainHash);
      });
    });

    it('takes a resignation without an answer to it, also twice', async () => {
      await using(async (a) => {
        const fence = await led(a, nonceA);
        expect(await appendNext(a, fence, await chainAt(a, nonceA))).toBe('durable');
        await a.resign(fence);
        await a.resign(fence);
        const again = await led(a, nonceB);
        expect(await appendNext(a, again, await chainAt(a, nonceB))).toBe('durable');
        expect(await positions(a)).toEqual([0, 1, 2]);
      });
    });

    if (options.shared === true)
      it('is led by another at once when the role was given up', async () => {
        await using(async (a, b) => {
          const lost: string[] = [];
          const answer = await a.lead(nonceA, (why) => lost.push(why));
          const fenceA = (answer as { fence: Fence }).fence;
          await a.resign(fenceA);
          expect(await appendNext(a, fenceA, await chainAt(a, nonceA))).toBe('deposed');
          const fenceB = await led(b, nonceB);
          await a.resign(fenceA);
          expect(await appendNext(b, fenceB, await chainAt(b, nonceB))).toBe('durable');
          expect(await a.trim(fenceA, logPosition(1))).toBe('deposed');
          expect(lost).toEqual([]);
        });
      });
  });

  describe(`${name}: appending`, () => {
    it('keeps entries byte for byte, dense, and moves the tail for every candidate', async () => {
      await using(async (a, b) => {
        const fence = await led(a, nonceA);
        const chain = await chainAt(a, nonceA);
        const appended = [
          chain.barrier(),
          chain.transactions([set('x')], [set('y')]),
          chain.transactions([set('z')]),
        ];
        for (const [i, bytes] of appended.entries()) {
          expect(await a.append(fence, logPosition(i + 1), bytes)).toBe('durable');
        }
        expect(await b.tail()).toEqual(chain.tail);
        expect(chain.tail).toMatchObject({ position: 3, seqno: 3, epoch: 1 });
        const read = await b.read(logPosition(1), everything);
        expect((read as Uint8Array[]).map((bytes) => Buffer.from(bytes))).toEqual(appended);
      });
    });

    it('answers durable to the same bytes again, and keeps them once', async () => {
      await using(async (a, b, succeed) => {
        const fence = await led(a, nonceA);
        const chain = await chainAt(a, nonceA);
        const bytes = chain.transactions([set('x')]);
        expect(await a.append(fence, logPosition(1), bytes)).toBe('durable');
        expect(await a.append(fence, logPosition(1), Buffer.from(bytes))).toBe('durable');
        await succeed(b, nonceB);
        expect(await a.append(fence, logPosition(1), bytes)).toBe('durable');
        expect(await positions(a)).toEqual([0, 1]);
      });
    });

    it('refuses a gap', async () => {
      await using(async (a) => {
        const fence = await led(a, nonceA);
        const chain = await chainAt(a, nonceA);
        chain.transactions([set('left out')]);
        await expect(appendNext(a, fence, chain)).rejects.toThrow('does not follow');
        expect(await positions(a)).toEqual([0]);
      });
    });

    it('refuses other bytes at a position that is taken', async () => {
      await using(async (a) => {
        const fence = await led(a, nonceA);
        const fork = await chainAt(a, nonceA);
        expect(await appendNext(a, fence, await chainAt(a, nonceA), 'first')).toBe('durable');
        const outcome = await appendNext(a, fence, fork, 'second').catch(() => 'refused as a bug');
        expect(outcome).toMatch(/deposed|refused as a bug/);
        expect((await a.tail()).chainHash).not.toEqual(fork.tail.chainHash);
        expect(await positions(a)).toEqual([0, 1]);
      });
    });

    it('refuses an entry of another history', async () => {
      await using(async (a) => {
        const fence = await led(a, nonceA);
        const other = new Chain({ ...(await a.tail()), chainHash: Buffer.alloc(32, 9) }, nonceA);
        await expect(appendNext(a, fence, other)).rejects.toThrow('chain hash');
        expect(await positions(a)).toEqual([0]);
      });
    });

    it('loses nothing that it acknowledged in a crash', async () => {
      expect(await lostAfterCrash(make)).toEqual([]);
    });

    it('continues after a crash, also for the one who led before', async () => {
      const before = await make(beginning);
      const fence = await led(before.candidates[0], nonceA);
      const chain = await chainAt(before.candidates[0], nonceA);
      const bytes = chain.transactions([set('x')]);
      expect(await before.candidates[0].append(fence, logPosition(1), bytes)).toBe('durable');
      const after = await before.crash();
      const [log] = after.candidates;
      expect(await log.append(fence, logPosition(1), bytes)).toBe('durable');
      const fenceB = await led(log, nonceB);
      expect(await appendNext(log, fence, chain)).toBe('deposed');
      expect(await appendNext(log, fenceB, await chainAt(log, nonceB))).toBe('durable');
      await after.close();
    });

    it('rejects once it is closed', async () => {
      await using(async (a) => {
        const fence = await led(a, nonceA);
        const chain = await chainAt(a, nonceA);
        await a.close();
        await expect(appendNext(a, fence, chain)).rejects.toThrow(LogClosed);
        await expect(a.tail()).rejects.toThrow(LogClosed);
        await expect(a.lead(nonceA)).rejects.toThrow(LogClosed);
      });
    });
  });

  describe(`${name}: reading and trimming`, () => {
    it('reads up to the limit, and always at least one entry', async () => {
      await using(async (a) => {
        const fence = await led(a, nonceA);
        const chain = await chainAt(a, nonceA);
        const bytes: Buffer[] = [];
        for (let i = 0; i < 6; i++) {
          bytes.push(chain.transactions([set(`key ${i}`)]));
          await a.append(fence, logPosition(i + 1), bytes[i]!);
        }
        const size = bytes[0]!.length;
        const counts = [0, 1, size, 2 * size - 1, 2 * size, 100 * size].map(async (limit) => {
          const found = await a.read(logPosition(1), limit);
          return found.length;
        });
        expect(await Promise.all(counts)).toEqual([1, 1, 1, 1, 2, 6]);
        expect(await a.read(logPosition(7), everything)).toEqual([]);
        expect(await a.read(logPosition(70), everything)).toEqual([]);
      });
    });

    it('drops what is trimmed, never the newest, and goes on', async () => {
      await using(async (a, b) => {
        const fence = await led(a, nonceA);
        const chain = await chainAt(a, nonceA);
        for (let i = 0; i < 5; i++) await appendNext(a, fence, chain);
        expect(await a.trim(fence, logPosition(3))).toBe('done');
        expect(await b.read(logPosition(0), everything)).toBe('trimmed');
        expect(await b.read(logPosition(2), everything)).toBe('trimmed');
        expect(await positions(b, 3)).toEqual([3, 4, 5]);
        expect(await a.trim(fence, logPosition(1))).toBe('done');
        expect(await a.trim(fence, logPosition(99))).toBe('done');
        expect(await positions(b, 5)).toEqual([5]);
        expect(await b.tail()).toEqual(chain.tail);
        expect(await appendNext(a, fence, chain)).toBe('durable');
        expect(await positions(b, 5)).toEqual([5, 6]);
      });
    });

    it('keeps its place over a crash when it is trimmed', async () => {
      const before = await make(beginning);
      const fence = await led(before.candidates[0], nonceA);
      const chain = await chainAt(before.candidates[0], nonceA);
      for (let i = 0; i < 5; i++) await appendNext(before.candidates[0], fence, chain);
      await before.candidates[0].trim(fence, logPosition(4));
      const after = await before.crash();
      expect(await after.candidates[0].read(logPosition(3), everything)).toBe('trimmed');
      expect(await positions(after.candidates[0], 4)).toEqual([4, 5]);
      expect(await after.candidates[0].tail()).toEqual(chain.tail);
      await after.close();
    });

    it('names the oldest entry that it keeps', async () => {
      const empty = await make(undefined);
      expect(await empty.candidates[0].oldest()).toBe(0);
      await empty.close();
      await using(async (a, b) => {
        const fence = await led(a, nonceA);
        const chain = await chainAt(a, nonceA);
        expect(await b.oldest()).toBe(0);
        for (let i = 0; i < 3; i++) await appendNext(a, fence, chain);
        await a.trim(fence, logPosition(2));
        expect([await a.oldest(), await b.oldest()]).toEqual([2, 2]);
      });
    });

    it('does not trim for a deposed leader', async () => {
      await using(async (a, b, succeed) => {
        const fence = await led(a, nonceA);
        await appendNext(a, fence, await chainAt(a, nonceA));
        await succeed(b, nonceB);
        expect(await a.trim(fence, logPosition(1))).toBe('deposed');
        expect(await positions(b)).toEqual([0, 1]);
      });
    });
  });
}
