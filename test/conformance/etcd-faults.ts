import { describe, expect, it } from 'vitest';
import { logPosition } from '../../src/model/ids.js';
import type { EtcdKv, EtcdTxnAnswer } from '../../src/ordering/etcd/etcd-kv.js';
import type { EtcdLog } from '../../src/ordering/etcd/etcd-log.js';
import { LogClosed, LogFull, type Fence } from '../../src/ordering/ordered-log.js';
import { silentLogger } from '../../src/runtime/runtime.js';
import { createSystemRuntime } from '../../src/runtime/system/runtime.js';
import { set, type Chain } from '../support/chain.js';
import type { EtcdCall } from '../support/etcd-caller.js';
import { EtcdKeyspace } from '../support/etcd-logs.js';
import { eventually } from '../support/eventually.js';
import {
  answerNoSpace,
  comeLate,
  FaultyEtcd,
  Gate,
  holdAnswer,
  holdRequest,
  loseAnswer,
  loseRequest,
  ofKind,
  writing,
} from '../support/faulty-etcd.js';
import { ShiftedClock } from '../support/shifted-clock.js';
import { appendNext, beginning, chainAt, everything, led, nonceA, nonceB, positions } from './ordered-log.js';

/** A candidate that leads, over a client with which a test can interfere, and another with a sound one. */
interface Scene {
  readonly keyspace: EtcdKeyspace;
  readonly etcd: FaultyEtcd;
  readonly a: EtcdLog;
  readonly b: EtcdLog;
  readonly fence: Fence;
  readonly chain: Chain;
  readonly lost: string[];
  readonly clock: ShiftedClock;
  /** Ends the role of `a` without telling it, and gives it to `b`. */
  succeed(): Promise<{ readonly fence: Fence; readonly chain: Chain }>;
}

/** What networks and stopped processes do to a log on etcd, whichever etcd it is. */
export function etcdFaults(name: string, client: () => EtcdKv): void {
  const using = async (work: (scene: Scene) => Promise<void>): Promise<void> => {
    const keyspace = new EtcdKeyspace(client());
    await keyspace.begin(beginning);
    const etcd = new FaultyEtcd(keyspace.kv);
    const clock = new ShiftedClock(createSystemRuntime(silentLogger));
    const a = keyspace.log('a', etcd.kv, clock.runtime);
    const b = keyspace.log('b');
    const lost: string[] = [];
    const answer = await a.lead(nonceA, (why) => lost.push(why));
    if ('notNow' in answer) throw new Error(answer.notNow);
    const succeed: Scene['succeed'] = async () => {
      await keyspace.makeWay();
      return { fence: await led(b, nonceB), chain: await chainAt(b, nonceB) };
    };
    try {
      const { fence } = answer;
      await work({ keyspace, etcd, a, b, fence, chain: await chainAt(a, nonceA), lost, clock, succeed });
    } finally {
      await keyspace.close();
    }
  };
  const slot = ({ keyspace }: Scene, position: number): ((call: EtcdCall) => boolean) =>
    writing(keyspace.keys.log(position));

  describe(`${name}: an append without an answer`, () => {
    it('is sent again when it never arrived', async () => {
      await using(async (scene) => {
        const { etcd, a, fence, chain } = scene;
        etcd.next(slot(scene, 1), loseRequest);
        etcd.next(slot(scene, 1), loseRequest);
        expect(await appendNext(a, fence, chain)).toBe('durable');
        expect(await positions(a)).toEqual([0, 1]);
      });
    });

    it('is durable, once, when it was executed', async () => {
      await using(async (scene) => {
        const { etcd, a, fence, chain } = scene;
        etcd.next(slot(scene, 1), loseAnswer);
        expect(await appendNext(a, fence, chain)).toBe('durable');
        expect(await a.tail()).toEqual(chain.tail);
        expect(await appendNext(a, fence, chain)).toBe('durable');
        expect(await positions(a)).toEqual([0, 1, 2]);
      });
    });

    it("is deposed when a successor's entry is in its slot", async () => {
      await using(async (scene) => {
        const { etcd, a, b, fence, chain, lost, succeed } = scene;
        const gate = new Gate();
        etcd.next(slot(scene, 1), loseRequest);
        etcd.next(slot(scene, 1), holdRequest(gate));
        const appending = appendNext(a, fence, chain);
        await gate.hasArrived;
        const successor = await succeed();
        expect(await appendNext(b, successor.fence, successor.chain)).toBe('durable');
        gate.open();
        expect(await appending).toBe('deposed');
        expect(lost).toHaveLength(1);
        expect((await b.tail()).chainHash).toEqual(successor.chain.tail.chainHash);
      });
    });

    it('is durable when it was executed before the successor came', async () => {
      await using(async (scene) => {
        const { etcd, a, b, fence, chain, succeed } = scene;
        const gate = new Gate();
        etcd.next(slot(scene, 1), loseAnswer);
        etcd.next(slot(scene, 1), holdRequest(gate));
        const appending = appendNext(a, fence, chain);
        await gate.hasArrived;
        const successor = await succeed();
        expect(successor.chain.tail.position).toBe(1);
        expect(await appendNext(b, successor.fence, successor.chain)).toBe('durable');
        gate.open();
        expect(await appending).toBe('durable');
        expect(await positions(b)).toEqual([0, 1, 2]);
      });
    });

    it('changes nothing when its slot was trimmed by a successor', async () => {
      await using(async (scene) => {
        const { etcd, a, b, fence, chain, succeed } = scene;
        const gate = new Gate();
        etcd.next(slot(scene, 1), loseAnswer);
        etcd.next(slot(scene, 1), holdRequest(gate));
        const appending = appendNext(a, fence, chain);
        await gate.hasArrived;
        const successor = await succeed();
        for (let i = 0; i < 2; i++) await appendNext(b, successor.fence, successor.chain);
        expect(await b.trim(successor.fence, logPosition(3))).toBe('done');
        gate.open();
        expect(await appending).toBe('deposed');
        expect([await b.oldest(), await positions(b, 3)]).toEqual([3, [3]]);
      });
    });

    it('is not written a second time when it comes late, below what was trimmed', async () => {
      await using(async (scene) => {
        const { etcd, a, fence, chain, keyspace } = scene;
        const gate = new Gate();
        const late: unknown[] = [];
        etcd.next(
          slot(scene, 1),
          comeLate(gate, (answer) => late.push(answer)),
        );
        for (let i = 0; i < 3; i++) expect(await appendNext(a, fence, chain)).toBe('durable');
        expect(await a.trim(fence, logPosition(3))).toBe('done');
        gate.open();
        await eventually(() => late.length === 1);
        expect((late[0] as EtcdTxnAnswer).succeeded).toBe(false);
        const { logStart: key, logEnd: end } = keyspace.keys;
        const kept = await keyspace.kv.range({ key, end, keysOnly: true });
        expect(kept.map((found) => keyspace.keys.positionOf(found.key))).toEqual([3]);
        expect(await appendNext(a, fence, chain)).toBe('durable');
      });
    });

    it('ends with LogClosed when the log is closed', async () => {
      await using(async (scene) => {
        const { etcd, a, fence, chain } = scene;
        const gate = new Gate();
        etcd.next(slot(scene, 1), holdRequest(gate));
        const appending = appendNext(a, fence, chain);
        await gate.hasArrived;
        await a.close();
        await expect(appending).rejects.toThrow(LogClosed);
        gate.open();
      });
    });
  });

  describe(`${name}: a role that is lost`, () => {
    it('deposes the append that was on its way', async () => {
      await using(async (scene) => {
        const { etcd, a, b, fence, chain, lost, succeed } = scene;
        const gate = new Gate();
        etcd.next(slot(scene, 1), holdRequest(gate));
        const appending = appendNext(a, fence, chain);
        await gate.hasArrived;
        await succeed();
        gate.open();
        expect(await appending).toBe('deposed');
        expect(lost).toHaveLength(1);
        expect(await positions(b)).toEqual([0]);
      });
    });

    it('deposes the append when only the lease is gone, and the candidate is told', async () => {
      await using(async (scene) => {
        const { keyspace, etcd, a, fence, chain, lost } = scene;
        const gate = new Gate();
        etcd.next(slot(scene, 1), holdRequest(gate));
        const appending = appendNext(a, fence, chain);
        await gate.hasArrived;
        await keyspace.makeWay();
        await eventually(() => lost.length === 1);
        gate.open();
        expect(await appending).toBe('deposed');
        expect(lost).toEqual(['etcd has ended its lease']);
      });
    });

    it('leaves an append durable that etcd had executed', async () => {
      await using(async (scene) => {
        const { keyspace, etcd, a, fence, chain, lost } = scene;
        const gate = new Gate();
        etcd.next(slot(scene, 1), holdAnswer(gate));
        const appending = appendNext(a, fence, chain);
        await gate.hasArrived;
        await keyspace.makeWay();
        await eventually(() => lost.length === 1);
        gate.open();
        expect(await appending).toBe('durable');
      });
    });

    it('is noticed by a read of the tail, which is not answered', async () => {
      await using(async ({ a, lost, succeed }) => {
        await succeed();
        await expect(a.tail()).rejects.toThrow('another sequencer has taken the role');
        expect(lost).toHaveLength(1);
      });
    });

    it('is not answered for after a stop for longer than the lease', async () => {
      await using(async ({ a, lost, clock, fence, chain, b }) => {
        clock.aheadMs = 3600_000;
        await expect(a.tail()).rejects.toThrow('its lease has run out');
        expect(lost).toEqual(['its lease has run out']);
        // In etcd it may still be the leader: what is written is fenced there, not by a clock here.
        expect(await appendNext(a, fence, chain)).toBe('durable');
        expect(await positions(b)).toEqual([0, 1]);
      });
    });

    it('is not answered for when the stop came while the tail was being read', async () => {
      await using(async ({ a, lost, clock, etcd }) => {
        const gate = new Gate();
        etcd.next(ofKind('txn'), holdAnswer(gate));
        const tail = a.tail();
        await gate.hasArrived;
        clock.aheadMs = 3600_000;
        gate.open();
        await expect(tail).rejects.toThrow('its lease has run out');
        expect(lost).toHaveLength(1);
      });
    });

    it('is told of once, and not when it was given up', async () => {
      await using(async ({ a, b, lost, fence, keyspace, clock }) => {
        await a.resign(fence);
        clock.aheadMs = 3600_000;
        expect((await a.tail()).position).toBe(0);
        expect(lost).toEqual([]);
        expect(await keyspace.kv.range({ key: keyspace.keys.leader })).toEqual([]);
        await led(b, nonceB);
      });
    });
  });

  describe(`${name}: an election`, () => {
    it('waits for the end of another term, and says whose it is', async () => {
      await using(async ({ b }) => {
        expect(await b.lead(nonceB)).toEqual({ notNow: 'a leads' });
      });
    });

    it.each([
      ['answer', loseAnswer],
      ['request', loseRequest],
    ] as const)('whose %s is lost is asked for again: the nonce tells who won', async (_, fault) => {
      await using(async ({ keyspace, fence, a }) => {
        await a.resign(fence);
        const etcd = new FaultyEtcd(keyspace.kv);
        etcd.next(writing(keyspace.keys.leader), fault);
        const c = keyspace.log('c', etcd.kv);
        const won = await led(c, nonceB);
        const [leader] = await keyspace.kv.range({ key: keyspace.keys.leader });
        expect(won.token).toBe(leader!.modRevision);
        expect(await appendNext(c, won, await chainAt(c, nonceB))).toBe('durable');
      });
    });

    it('that another won meanwhile is lost', async () => {
      await using(async ({ keyspace, fence, a, b }) => {
        await a.resign(fence);
        const etcd = new FaultyEtcd(keyspace.kv);
        const gate = new Gate();
        etcd.next(writing(keyspace.keys.leader), holdRequest(gate));
        const standing = keyspace.log('c', etcd.kv).lead(nonceB);
        await gate.hasArrived;
        await led(b, nonceB);
        gate.open();
        expect(await standing).toEqual({ notNow: 'b leads' });
      });
    });

    it('does not come about while etcd is silent', async () => {
      await using(async ({ keyspace, fence, a }) => {
        await a.resign(fence);
        const etcd = new FaultyEtcd(keyspace.kv);
        etcd.next(ofKind('grant'), loseRequest);
        const c = keyspace.log('c', etcd.kv);
        expect(await c.lead(nonceB)).toEqual({ notNow: 'lost by the test' });
        await led(c, nonceB);
      });
    });
  });

  describe(`${name}: a log in trouble`, () => {
    it('stops and asks for an operator when the entry before is missing', async () => {
      await using(async ({ keyspace, a, fence, chain, lost }) => {
        await appendNext(a, fence, chain);
        const removal = { delete: { key: keyspace.keys.log(1) } };
        await keyspace.kv.txn({ compare: [], success: [removal], failure: [] });
        await expect(appendNext(a, fence, chain)).rejects.toThrow('entry 1 is missing');
        expect(lost).toEqual([]);
      });
    });

    it('is full: nothing was written, and the role is kept', async () => {
      await using(async (scene) => {
        const { etcd, a, fence, chain, lost } = scene;
        const bytes = chain.transactions([set('x')]);
        etcd.next(slot(scene, 1), answerNoSpace);
        await expect(a.append(fence, logPosition(1), bytes)).rejects.toThrow(LogFull);
        expect(lost).toEqual([]);
        expect(await a.append(fence, logPosition(1), bytes)).toBe('durable');
      });
    });

    it('is full, but an earlier attempt was written', async () => {
      await using(async (scene) => {
        const { etcd, a, b, fence, chain } = scene;
        etcd.next(slot(scene, 1), loseAnswer);
        etcd.next(slot(scene, 1), answerNoSpace);
        expect(await appendNext(a, fence, chain)).toBe('durable');
        expect(await positions(b)).toEqual([0, 1]);
      });
    });

    it('is full, and an earlier attempt that comes late is not written any more', async () => {
      await using(async (scene) => {
        const { etcd, a, b, fence, chain, lost } = scene;
        const gate = new Gate();
        const late: unknown[] = [];
        etcd.next(
          slot(scene, 1),
          comeLate(gate, (answer) => late.push(answer)),
        );
        etcd.next(slot(scene, 1), answerNoSpace);
        await expect(appendNext(a, fence, chain)).rejects.toThrow(LogFull);
        expect(lost).toHaveLength(1);
        gate.open();
        await eventually(() => late.length === 1);
        expect((late[0] as EtcdTxnAnswer).succeeded).toBe(false);
        expect(await positions(b)).toEqual([0]);
      });
    });

    it('is read on over a compaction', async () => {
      await using(async ({ keyspace, a, b, fence, chain }) => {
        for (let i = 0; i < 5; i++) await appendNext(a, fence, chain);
        const first = await b.read(logPosition(0), 1);
        await a.trim(fence, logPosition(2));
        const { revision } = await keyspace.kv.txn({ compare: [], success: [], failure: [] });
        await keyspace.kv.compact(revision);
        await keyspace.kv.compact(revision);
        expect(first).toHaveLength(1);
        expect(await b.read(logPosition(1), everything)).toBe('trimmed');
        expect(await positions(b, 2)).toEqual([2, 3, 4, 5]);
        expect(await b.tail()).toEqual(chain.tail);
        expect(await appendNext(a, fence, chain)).toBe('durable');
      });
    });

    it('trims again when the answer is lost', async () => {
      await using(async ({ etcd, a, fence, chain }) => {
        for (let i = 0; i < 3; i++) await appendNext(a, fence, chain);
        etcd.next(ofKind('txn'), loseAnswer);
        expect(await a.trim(fence, logPosition(2))).toBe('done');
        expect(await a.oldest()).toBe(2);
      });
    });
  });
}
