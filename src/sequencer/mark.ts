import { encodeEntry, entryHash } from '../model/entry.js';
import { logPosition, seqno } from '../model/ids.js';
import type { LogTip } from './batch.js';

export interface Mark {
  readonly mark: string;
  readonly position: number;
}

/** The entry that marks a place in the log, where every node can look at the same state; and the tip once it is durable. */
export function markAfter(before: LogTip, nowMs: number, mark: string): { entry: Buffer; tip: LogTip } {
  const position = before.position + 1;
  const logTimeMs = Math.max(before.logTimeMs, nowMs);
  const entry = encodeEntry({
    kind: 'mark',
    epoch: before.epoch,
    position: logPosition(position),
    firstSeqno: seqno(before.seqno + 1),
    count: 0,
    logTimeMs,
    nonce: before.nonce,
    previousHash: before.chainHash,
    content: { kind: 'mark', mark },
  });
  return { entry, tip: { ...before, position, chainHash: entryHash(entry), logTimeMs } };
}
