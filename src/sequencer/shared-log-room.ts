import { logPosition } from '../model/ids.js';
import { limits } from '../model/limits.js';
import type { Retention } from '../model/retention.js';
import type { Fence, OrderedLog } from '../ordering/ordered-log.js';
import type { Logger } from '../runtime/runtime.js';
import type { KeyspaceStore } from '../storage/store.js';
import type { Candidacy } from './candidacy.js';

export interface LogRoomPorts {
  readonly log: OrderedLog;
  /** It holds every entry that the log holds, and longer; its census tells their sizes. */
  readonly store: Pick<KeyspaceStore, 'kept' | 'head'>;
  readonly held: Pick<Candidacy, 'heldPosition' | 'heldBackBy'>;
  readonly retention: Retention;
  readonly logger: Logger;
}

/** So few entries are not worth a trim of their own as long as the log is below half of its bound. */
const trimEntriesMin = 100;
/** Of what the store keeps: its census must reach as far back as the log may. */
const shareOfStore = 0.75;

/** Keeps a log that nodes share small: what they hold themselves goes, and above a bound nothing more is taken. Looks when told to. */
export class SharedLogRoom {
  readonly #ports: LogRoomPorts;
  readonly #fence: Fence;
  readonly #bytesMin: number;
  readonly #bytesMax: number;
  #oldest: number | undefined;
  #full: string | undefined;
  #isTrimming = false;

  constructor(ports: LogRoomPorts, fence: Fence) {
    this.#ports = ports;
    this.#fence = fence;
    this.#bytesMax = Math.min(limits.sharedLogBytesMax, shareOfStore * ports.retention.entriesBytesMax);
    this.#bytesMin = Math.min(limits.sharedLogBytesMin, this.#bytesMax / 4);
  }

  /** Why nothing more is taken, as of the last look; undefined while there is room. */
  get full(): string | undefined {
    return this.#full;
  }

  /** Drops what may go, one trim at a time. A failure is logged and tried again at the next look. */
  look(): void {
    this.#full = this.#whyFull();
    if (this.#isTrimming) return;
    this.#isTrimming = true;
    this.#trim()
      .catch((error: unknown) => this.#ports.logger.warn({ error }, 'the log was not trimmed'))
      .finally(() => (this.#isTrimming = false));
  }

  #whyFull(): string | undefined {
    const { kept, head } = this.#ports.store;
    const { held } = this.#ports;
    // The newest entry stays, however large it is.
    const bound = Math.min(kept.positionWithin(this.#bytesMax), head.position);
    // A store that began with a copy keeps less than the log: how large that is, its census cannot tell.
    const isKnown = bound > kept.oldestPosition;
    if (this.#oldest === undefined || !isKnown || this.#oldest >= bound) return undefined;
    return `the log is at its bound of ${this.#bytesMax} bytes: ${held.heldBackBy ?? 'it is being trimmed'}`;
  }

  async #trim(): Promise<void> {
    const { log, store, held } = this.#ports;
    this.#oldest ??= await log.oldest();
    const newest = store.kept.positionWithin(this.#bytesMin);
    const upTo = Math.min(newest, held.heldPosition + 1, store.head.position);
    const isRoomy = this.#oldest >= store.kept.positionWithin(this.#bytesMax / 2);
    if (upTo - this.#oldest < (isRoomy ? trimEntriesMin : 1)) return;
    if ((await log.trim(this.#fence, logPosition(upTo))) === 'done') this.#oldest = upTo;
  }
}
