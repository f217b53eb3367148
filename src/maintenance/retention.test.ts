import { describe, expect, it } from 'vitest';
import { ManualTime } from '../../test/support/manual-time.js';
import { nextTurn } from '../../test/support/turn.js';
import { nodeId } from '../model/ids.js';
import { defaultRetention } from '../model/retention.js';
import { silentLogger } from '../runtime/runtime.js';
import type { KeyspaceStore } from '../storage/store.js';
import { heldByAll, startRetention, trimPosition } from './retention.js';
import type { ToldByNode } from './told-by-node.js';

const retention = {
  ...defaultRetention,
  entriesBytesMin: 100,
  entriesBytesMax: 500,
  entriesMsMax: 1000,
  outcomesMsMin: 1000,
};

/** Entries 0 to 999, of one byte and one ms each. */
const store = (oldestPosition = 0) => ({
  head: { position: 999, logTimeMs: 999 },
  kept: {
    oldestPosition,
    positionWithin: (bytes: number) => Math.max(oldestPosition, 1000 - bytes),
    positionSince: (logTimeMs: number) => Math.max(oldestPosition, logTimeMs),
  },
});
const upTo = (heldMin: number, more: Partial<typeof retention> = {}, oldest = 0): number =>
  trimPosition(store(oldest) as unknown as KeyspaceStore, { ...retention, ...more }, heldMin);

describe('entries are dropped', () => {
  it('below what every node holds, but for the newest that are kept for all', () => {
    expect(upTo(700)).toBe(701);
    expect(upTo(899)).toBe(900);
    expect(upTo(Infinity)).toBe(900);
  });

  it('above the bound of bytes, whoever still needs them', () => {
    expect(upTo(-1)).toBe(500);
    expect(upTo(200)).toBe(500);
  });

  it('above the bound of age, whoever still needs them, but for the newest', () => {
    expect(upTo(-1, { entriesMsMax: 300 })).toBe(699);
    expect(upTo(-1, { entriesMsMax: 10 })).toBe(900);
  });

  it('never below the oldest that is there, and never the newest', () => {
    expect(upTo(-1, { entriesBytesMax: 10_000 }, 600)).toBe(600);
    expect(upTo(Infinity, { entriesBytesMin: 0, entriesBytesMax: 0 })).toBe(999);
  });
});

describe('what all nodes hold', () => {
  const [east, west] = [nodeId('east'), nodeId('west')];
  const told = (node: string, position: number, keyspaceId: string | undefined = 'k'): ToldByNode =>
    ({ node: nodeId(node), position, keyspaceId, check: undefined }) as ToldByNode;

  it('is the least of what they last told', () => {
    expect(heldByAll('k', [east, west], [told('east', 7), told('west', 5)])).toBe(5);
    expect(heldByAll('k', [], [])).toBe(Infinity);
  });

  it('is nothing where one was never heard of, is empty, or has another history', () => {
    expect(heldByAll('k', [east, west], [told('east', 7)])).toBe(-1);
    expect(heldByAll('k', [east], [{ ...told('east', 7), keyspaceId: undefined }])).toBe(-1);
    expect(heldByAll('k', [east], [told('east', 7, 'another')])).toBe(-1);
  });
});

/** A store of 1000 entries that drops 100 at a time. */
class TrimmedStore {
  readonly trims: number[] = [];
  readonly head = { position: 999, logTimeMs: 61_000, idFloorMs: 0, keyspaceId: 'k' };
  damage: string | undefined;
  halted: string | undefined;
  failures = 0;
  hanging: Promise<void> | undefined;
  /** Of ids made in the first minute; ten more are of the second. One byte each. */
  oldOutcomes = 0;
  readonly kept: { oldestPosition: number; outcomes: number; outcomesBytes: number };

  constructor() {
    const { outcomesSince } = this;
    this.kept = Object.defineProperties(
      { ...store().kept, outcomesSince, outcomesBytes: 0, outcomes: 0 },
      { outcomes: { get: () => 10 + this.oldOutcomes }, outcomesBytes: { get: () => 10 + this.oldOutcomes } },
    );
  }

  readonly outcomesSince = (bytesMax: number): number => {
    if (bytesMax < 10) return 120_000;
    return bytesMax < 10 + this.oldOutcomes ? 60_000 : 0;
  };

  get oldestPosition(): number {
    return this.kept.oldestPosition;
  }

  recover(): Promise<void> {
    this.halted = undefined;
    return Promise.resolve();
  }

  async trim(upTo: number): Promise<void> {
    await this.hanging;
    if (this.failures-- > 0) {
      this.halted = 'the disk is full';
      throw new Error(this.halted);
    }
    this.trims.push(upTo);
    this.kept.oldestPosition = Math.max(this.oldestPosition, Math.min(upTo, this.oldestPosition + 100));
    this.oldOutcomes = Math.max(0, this.oldOutcomes - 100);
  }
}

describe('a node trims its store', () => {
  const begin = () => {
    const time = new ManualTime();
    const trimmed = new TrimmedStore();
    const runtime = { ...time, random: undefined as never, logger: silentLogger };
    const stop = startRetention({
      retention,
      store: trimmed as unknown as KeyspaceStore,
      others: [],
      told: () => [],
      runtime,
    });
    const pass = async (ms: number): Promise<void> => {
      for (let at = 0; at < ms; at += 5) {
        time.advance(5);
        await nextTurn();
      }
    };
    return { trimmed, pass, stop };
  };

  it('every second, in as many trims as it takes, with time between them', async () => {
    const { trimmed, pass, stop } = begin();
    await pass(1010);
    expect(trimmed.trims.length).toBeGreaterThan(1);
    expect(trimmed.trims.length).toBeLessThan(5);
    await pass(200);
    expect(trimmed.oldestPosition).toBe(900);
    expect(trimmed.trims).toHaveLength(9);
    await pass(2000);
    expect(trimmed.trims).toHaveLength(9);
    stop();
  });

  it('not while the store is halted or damaged, and goes on after', async () => {
    const { trimmed, pass, stop } = begin();
    trimmed.halted = 'a batch failed';
    await pass(3000);
    expect(trimmed.trims).toEqual([]);
    trimmed.halted = undefined;
    await pass(1200);
    expect(trimmed.oldestPosition).toBe(900);
    trimmed.damage = 'a flipped byte';
    trimmed.kept.oldestPosition = 0;
    await pass(3000);
    expect(trimmed.oldestPosition).toBe(0);
    stop();
  });

  it('without a longer pause than a second, also after a trim that hung', async () => {
    const { trimmed, pass, stop } = begin();
    let end: () => void = () => {};
    trimmed.hanging = new Promise((resolve) => (end = resolve));
    await pass(20_000);
    end();
    trimmed.hanging = undefined;
    await pass(20);
    expect(trimmed.trims).toHaveLength(1);
    await pass(1000);
    expect(trimmed.trims.length).toBeGreaterThan(1);
    stop();
  });

  it('again after a trim that failed, and halted the store', async () => {
    const { trimmed, pass, stop } = begin();
    trimmed.failures = 2;
    await pass(2010);
    expect(trimmed.trims).toEqual([]);
    await pass(1200);
    expect(trimmed.oldestPosition).toBe(900);
    stop();
  });

  it('of outcomes too, once those of the oldest span of time are below the id floor, until none is left', async () => {
    const { trimmed, pass, stop } = begin();
    trimmed.kept.oldestPosition = 900;
    trimmed.oldOutcomes = 250;
    trimmed.head.idFloorMs = 59_999;
    await pass(1100);
    expect(trimmed.trims).toEqual([]);
    trimmed.head.idFloorMs = 60_000;
    await pass(1100);
    expect(trimmed.oldOutcomes).toBe(0);
    const { length } = trimmed.trims;
    await pass(3000);
    expect(trimmed.trims).toHaveLength(length);
    stop();
  });

  it('of no outcome younger than the least time, also where a recovery has raised the id floor above it', async () => {
    const { trimmed, pass, stop } = begin();
    trimmed.kept.oldestPosition = 900;
    trimmed.oldOutcomes = 250;
    trimmed.head.idFloorMs = 61_000;
    trimmed.head.logTimeMs = 60_999;
    await pass(1100);
    expect(trimmed.trims).toEqual([]);
    trimmed.head.logTimeMs = 61_000;
    await pass(1100);
    expect(trimmed.oldOutcomes).toBe(0);
    stop();
  });
});
