import { describe, expect, it } from 'vitest';
import { defaultRetention } from '../model/retention.js';
import { outcomeRoom } from './outcome-room.js';

const nowMs = Date.UTC(2026, 0, 2);
const minuteMs = 60_000;
const retention = {
  ...defaultRetention,
  outcomesBytesMax: 1000,
  outcomesMsMin: 15 * minuteMs,
  outcomesMsMax: 60 * minuteMs,
};

/** `sinceMs`: ids from then on have outcomes of 1000 bytes at the most. */
const room = (sinceMs: number, tip: { idFloorMs?: number; logTimeMs?: number } = {}) =>
  outcomeRoom(
    { outcomesSince: (bytesMax) => (bytesMax === 1000 ? sinceMs : -1) },
    retention,
    { idFloorMs: 0, logTimeMs: 0, ...tip },
    nowMs,
  );

describe('the id floor', () => {
  it('follows log time at the age that outcomes have at the most', () => {
    expect(room(0)).toEqual({ idFloorMs: nowMs - 60 * minuteMs, full: undefined });
    expect(room(0, { logTimeMs: nowMs + 5 }).idFloorMs).toBe(nowMs + 5 - 60 * minuteMs);
  });

  it('is raised further where outcomes are above their bound', () => {
    expect(room(nowMs - 20 * minuteMs)).toEqual({ idFloorMs: nowMs - 20 * minuteMs, full: undefined });
  });

  it('stays below the outcomes that must be kept: then nothing is taken that adds one, and the bound is named', () => {
    expect(room(nowMs - 15 * minuteMs).full).toBeUndefined();
    const { idFloorMs, full } = room(nowMs - 14 * minuteMs);
    expect(idFloorMs).toBe(nowMs - 15 * minuteMs);
    expect(full).toContain('1000 bytes');
  });

  it('never falls, whatever the clock and the outcomes say', () => {
    const idFloorMs = nowMs - 3 * minuteMs;
    expect(room(0, { idFloorMs })).toEqual({ idFloorMs, full: undefined });
    expect(room(nowMs - 20 * minuteMs, { idFloorMs })).toEqual({ idFloorMs, full: undefined });
    expect(room(nowMs - minuteMs, { idFloorMs }).idFloorMs).toBe(idFloorMs);
  });
});
