import type { NodeId } from '../model/ids.js';
import type { Clock } from '../runtime/runtime.js';
import type { JoinPhase, TransferStatus } from './transfer-status.js';

const windowMs = 5000;
const sampleMs = 250;

/** Counts a transfer's bytes and says how fast they come. */
export class TransferMeter {
  readonly #clock: Clock;
  readonly #startedMs: number;
  readonly #startedMonotonicMs: number;
  /** Of the last seconds, oldest first: bytes that had come at a time. */
  #samples: { readonly atMs: number; readonly received: number }[] = [];
  /** Also those of chunks that came twice, and of copies that were given up. */
  #received = 0;
  /** Of the present copy. */
  bytes = 0;
  phase: JoinPhase = 'choosing-donor';
  donor: NodeId | undefined;
  heldUpBy: string | undefined;
  bytesTotal: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedMs = clock.nowMs();
    this.#startedMonotonicMs = clock.monotonicMs();
  }

  get elapsedMs(): number {
    return this.#clock.monotonicMs() - this.#startedMonotonicMs;
  }

  stored(bytes: number): void {
    const atMs = this.#clock.monotonicMs();
    const last = this.#samples.at(-1);
    if (last === undefined || atMs - last.atMs >= sampleMs)
      this.#samples.push({ atMs, received: this.#received });
    this.#samples = this.#samples.filter((sample) => atMs - sample.atMs <= windowMs);
    this.#received += bytes;
    this.bytes += bytes;
  }

  get status(): TransferStatus {
    return {
      donor: this.donor,
      phase: this.phase,
      bytes: this.bytes,
      bytesTotal: this.bytesTotal,
      bytesPerSecond: this.#rate(),
      startedMs: this.#startedMs,
      heldUpBy: this.heldUpBy,
    };
  }

  #rate(): number {
    const nowMs = this.#clock.monotonicMs();
    const from = this.#samples.find(({ atMs }) => nowMs - atMs <= windowMs);
    if (from === undefined || nowMs === from.atMs) return 0;
    return Math.round(((this.#received - from.received) * 1000) / (nowMs - from.atMs));
  }
}
