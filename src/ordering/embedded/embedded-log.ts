import { assert } from '../../model/assert.js';
import { logPosition, type LogPosition } from '../../model/ids.js';
import { delay, type Runtime } from '../../runtime/runtime.js';
import { ApplyFailed, StoreClosed, type KeyspaceStore } from '../../storage/store.js';
import { Turns } from '../../storage/turns.js';
import { noHistory } from '../genesis.js';
import { LogClosed, type Fence, type Led, type LogTail, type OrderedLog } from '../ordered-log.js';

const retryMsMin = 100;
const retryMsMax = 1000;

/**
 * The ordered log of a fixed home: its store's own synced batch, which applies an entry, is the append. One per store.
 * Whoever leads is recorded in the store, and every append is judged by that record in one turn with its batch.
 */
export class EmbeddedLog implements OrderedLog {
  readonly #store: KeyspaceStore;
  readonly #runtime: Runtime;
  readonly #turns = new Turns();
  #closed = false;
  #onClose: () => void = () => {};
  readonly #whenClosed = new Promise<void>((resolve) => {
    this.#onClose = resolve;
  });

  constructor(store: KeyspaceStore, runtime: Runtime) {
    this.#store = store;
    this.#runtime = runtime;
  }

  lead(nonce: Buffer): Promise<Led> {
    return this.#turns.take(async () => {
      this.#expectOpen();
      if (this.#store.damage !== undefined) return { notNow: `the store is damaged: ${this.#store.damage}` };
      try {
        await this.#store.recover();
        if (this.#store.head.position < 0) return { notNow: noHistory };
        await this.#store.elect(nonce);
      } catch (error) {
        if (error instanceof StoreClosed) throw this.#closedError(error);
        return { notNow: String(error) };
      }
      return { fence: { nonce: Buffer.from(nonce), token: undefined } };
    });
  }

  /** No other node can lead this log. */
  async resign(): Promise<void> {}

  append(fence: Fence, position: LogPosition, entry: Uint8Array): Promise<'durable' | 'deposed'> {
    return this.#turns.take(async () => {
      for (let pauseMs = retryMsMin; ; pauseMs = Math.min(pauseMs * 2, retryMsMax)) {
        this.#expectOpen();
        try {
          // After a failed write only what recovery found, and synced again, counts.
          await this.#store.recover();
          const known = await this.#judge(fence, position, entry);
          if (known !== 'absent') return known;
          await this.#store.apply([entry]);
          return 'durable';
        } catch (error) {
          if (error instanceof StoreClosed) throw this.#closedError(error);
          if (!(error instanceof ApplyFailed)) throw error;
          this.#runtime.logger.warn({ error, position, pauseMs }, 'an append is in doubt; trying again');
        }
        await Promise.race([delay(this.#runtime.timers, pauseMs), this.#whenClosed]);
      }
    });
  }

  /** Whether the log holds the entry, may take it, or never will. Throws a bug's error when it does not follow. */
  async #judge(
    fence: Fence,
    position: LogPosition,
    entry: Uint8Array,
  ): Promise<'durable' | 'deposed' | 'absent'> {
    const { head, election, oldestPosition } = this.#store;
    if (position >= oldestPosition && position <= head.position) {
      const [present] = await this.#store.entries(position, 0);
      if (present !== undefined && Buffer.compare(present, entry) === 0) return 'durable';
    }
    if (election?.equals(fence.nonce) !== true) return 'deposed';
    assert(position === head.position + 1, `position ${position} does not follow the tail ${head.position}`);
    return 'absent';
  }

  async read(from: LogPosition, bytesMax: number): Promise<readonly Uint8Array[] | 'trimmed'> {
    this.#expectOpen();
    if (from < this.#store.oldestPosition) return 'trimmed';
    const found = await this.#store.entries(from, bytesMax);
    return found.length === 0 && from < this.#store.oldestPosition ? 'trimmed' : found;
  }

  async oldest(): Promise<LogPosition> {
    this.#expectOpen();
    return logPosition(Math.max(0, this.#store.oldestPosition));
  }

  async tail(): Promise<LogTail> {
    this.#expectOpen();
    const { position, seqno, epoch, chainHash } = this.#store.head;
    return { position, seqno, epoch, chainHash };
  }

  trim(fence: Fence, upTo: LogPosition): Promise<'done' | 'deposed'> {
    return this.#turns.take(async () => {
      this.#expectOpen();
      if (this.#store.election?.equals(fence.nonce) !== true) return 'deposed';
      await this.#store.trim(upTo);
      return 'done';
    });
  }

  /** Ends every retry; the store stays open, it is its owner's. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#onClose();
  }

  #expectOpen(): void {
    if (this.#closed) throw new LogClosed('the log is closed');
  }

  #closedError(cause: StoreClosed): LogClosed {
    return new LogClosed('the store under the log is closed', { cause });
  }
}
