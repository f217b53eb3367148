import { assert } from '../../model/assert.js';
import { logPosition, type LogPosition } from '../../model/ids.js';

const positionBytes = 8;

/** The keys of one keyspace, all under one prefix. */
export class EtcdKeys {
  /** Who leads, bound to its lease; its mod_revision is what appends are fenced by. */
  readonly leader: Buffer;
  /** What the history is. It stays when position 0 is trimmed. */
  readonly genesis: Buffer;
  /** All positions: from `logStart`, below `logEnd`. */
  readonly logStart: Buffer;
  readonly logEnd: Buffer;
  readonly #log: Buffer;

  /** `prefix` ends with `/`. */
  constructor(prefix: Buffer | string) {
    const bytes = Buffer.from(prefix as string);
    const under = (name: string): Buffer => Buffer.concat([bytes, Buffer.from(name)]);
    this.leader = under('leader');
    this.genesis = under('genesis');
    this.#log = under('log/');
    this.logStart = this.log(logPosition(0));
    // '0' is the byte after '/'.
    this.logEnd = under('log0');
  }

  /** Fixed width and big-endian, so that etcd's order is the log's. */
  log(position: number): Buffer {
    const key = Buffer.alloc(this.#log.length + positionBytes);
    this.#log.copy(key);
    key.writeBigUInt64BE(BigInt(position), this.#log.length);
    return key;
  }

  positionOf(key: Buffer): LogPosition {
    const isOfLog =
      key.length === this.logStart.length && key.subarray(0, this.#log.length).equals(this.#log);
    assert(isOfLog, `${key.toString('latin1')} is not a key of the log`);
    return logPosition(Number(key.readBigUInt64BE(this.#log.length)));
  }
}
