import { limits } from '../model/limits.js';
import { every, type Cancel, type Runtime } from '../runtime/runtime.js';
import type { ReplacedHistory, StoreSnapshot } from '../storage/store.js';

const sweepMs = 1000;

/** A snapshot that is kept for one joiner, through breaks of its stream. */
export interface Pin {
  readonly transferId: Buffer;
  readonly node: string;
  readonly snapshot: StoreSnapshot;
  readonly replaced: readonly ReplacedHistory[];
  /** Called when the pin is given up: its snapshot can be read no more. Set by who sends from it now. */
  onGone: ((why: string) => void) | undefined;
}

interface Kept {
  readonly pin: Pin;
  readonly pinnedMs: number;
  takenMs: number;
}

/** The snapshots that are pinned for joiners: bounded in number, in time without progress, and in time in all. */
export class SnapshotPins {
  readonly #runtime: Runtime;
  readonly #kept = new Map<string, Kept>();
  #cancelSweep: Cancel | undefined;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  get count(): number {
    return this.#kept.size;
  }

  /** Whether there is room for one more. A joiner that begins anew has forgotten the one that it had. */
  makeRoomFor(node: string): boolean {
    for (const { pin } of this.#kept.values())
      if (pin.node === node) this.drop(pin, 'its joiner begins anew');
    return this.#kept.size < limits.transferPinsMax;
  }

  /** Takes over `snapshot`. Only with room for it. */
  add(node: string, snapshot: StoreSnapshot, replaced: readonly ReplacedHistory[]): Pin {
    const transferId = Buffer.from(this.#runtime.random.bytes(16));
    const pin: Pin = { transferId, node, snapshot, replaced, onGone: undefined };
    const nowMs = this.#runtime.clock.monotonicMs();
    this.#kept.set(nameOf(transferId), { pin, pinnedMs: nowMs, takenMs: nowMs });
    this.#cancelSweep ??= every(this.#runtime.timers, sweepMs, () => this.#sweep());
    return pin;
  }

  /** The one that this node's joiner goes on with. */
  find(transferId: Uint8Array, node: string): Pin | undefined {
    const pin = this.#kept.get(nameOf(transferId))?.pin;
    return pin?.node === node ? pin : undefined;
  }

  /** Its joiner has come back for it, or has stored more. */
  touch(pin: Pin): void {
    const kept = this.#kept.get(nameOf(pin.transferId));
    if (kept !== undefined) kept.takenMs = this.#runtime.clock.monotonicMs();
  }

  /** Does nothing when it has been dropped before. */
  drop(pin: Pin, why: string): void {
    if (!this.#kept.delete(nameOf(pin.transferId))) return;
    pin.snapshot.release();
    pin.onGone?.(why);
    if (this.#kept.size > 0) return;
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
  }

  dropAll(why: string): void {
    for (const { pin } of this.#kept.values()) this.drop(pin, why);
  }

  #sweep(): void {
    const nowMs = this.#runtime.clock.monotonicMs();
    for (const { pin, pinnedMs, takenMs } of this.#kept.values()) {
      if (nowMs - takenMs > limits.transferIdleMsMax) this.drop(pin, 'its joiner took nothing for too long');
      else if (nowMs - pinnedMs > limits.transferMsMax) this.drop(pin, 'its joiner has taken too long');
    }
  }
}

function nameOf(transferId: Uint8Array): string {
  return Buffer.from(transferId).toString('latin1');
}
