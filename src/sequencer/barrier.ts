import { encodeEntry, entryHash } from '../model/entry.js';
import { epoch, logPosition, seqno, type NodeId } from '../model/ids.js';
import type { LogTip } from './batch.js';

/** The entry that begins a term with the next epoch, and the log's tip once it is durable. `before` has the term's nonce. */
export function barrierAfter(
  before: LogTip,
  logTimeMs: number,
  node: NodeId,
): { entry: Buffer; tip: LogTip } {
  const position = before.position + 1;
  const next = epoch(before.epoch + 1);
  const entry = encodeEntry({
    kind: 'barrier',
    epoch: next,
    position: logPosition(position),
    firstSeqno: seqno(before.seqno + 1),
    count: 0,
    logTimeMs,
    nonce: before.nonce,
    previousHash: before.chainHash,
    content: { kind: 'barrier', idFloorMs: before.idFloorMs, node },
  });
  return { entry, tip: { ...before, position, epoch: next, chainHash: entryHash(entry), logTimeMs } };
}
