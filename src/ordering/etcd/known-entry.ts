import { decodeEntryHeader, entryHash, lastSeqnoOf } from '../../model/entry.js';
import type { LogTail } from '../ordered-log.js';

/** An entry that is, or was, in the log, and under which revision it was written: a position alone does not tell histories apart. */
export class KnownEntry {
  readonly position: number;
  readonly modRevision: number;
  #bytes: Uint8Array;
  #tail: LogTail | undefined;

  constructor(position: number, modRevision: number, bytes: Uint8Array) {
    this.position = position;
    this.modRevision = modRevision;
    this.#bytes = bytes;
  }

  /** The log as it ends with this entry; computed once. Throws MalformedBytes. */
  get tail(): LogTail {
    return (this.#tail ??= this.#computed());
  }

  #computed(): LogTail {
    const header = decodeEntryHeader(this.#bytes);
    const { position, epoch } = header;
    const chainHash = entryHash(this.#bytes);
    this.#bytes = Buffer.alloc(0);
    return { position, seqno: lastSeqnoOf(header), epoch, chainHash };
  }
}
