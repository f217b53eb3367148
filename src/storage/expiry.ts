import type { Key } from '../model/keys.js';
import { dataKey, decodeData, everything, expiryKeyFloor, parseExpiryKey } from './layout.js';
import type { SharedState } from './shared-state.js';

const pageHints = 256;
/** Hints looked at in one call, so that a heap of stale ones cannot hold a caller up for long. */
const hintsMax = 10_000;

export interface DueKeys {
  readonly due: readonly Key[];
  /** Hints whose key is gone or has another expiry by now. */
  readonly stale: readonly Buffer[];
  /** So many were stale that what is due may lie behind them. */
  readonly isCutShort: boolean;
}

/** Keys whose record says that they are due at `beforeMs`, found by hints. A hint alone proves nothing. */
export async function findDue(state: SharedState, beforeMs: number, countMax: number): Promise<DueKeys> {
  const due: Key[] = [];
  const stale: Buffer[] = [];
  const hints = state.database.keys({
    gte: everything('expiry').gte,
    lt: expiryKeyFloor(beforeMs + 1),
    snapshot: state.snapshot,
    fillCache: false,
  } as object);
  let seen = 0;
  try {
    for (; due.length < countMax && seen < hintsMax; seen += pageHints) {
      const page = await hints.nextv(pageHints);
      if (page.length === 0) break;
      for (const hint of page) {
        if (due.length === countMax) break;
        if (hintHolds(state, hint)) due.push(parseExpiryKey(hint).key);
        else stale.push(hint);
      }
    }
  } finally {
    await hints.close();
  }
  return { due, stale, isCutShort: due.length === 0 && seen >= hintsMax };
}

export function hintHolds(state: SharedState, hint: Buffer): boolean {
  const { key, expiresAtMs } = parseExpiryKey(hint);
  const at = dataKey(key);
  const record = state.read(at);
  return record !== undefined && decodeData(at, record).expiresAtMs === expiresAtMs;
}
