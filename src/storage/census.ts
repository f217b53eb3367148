import { entryKeyBytes, isOutcomeKey, timeOfOutcomeKey } from './layout.js';
import { limits } from '../model/limits.js';
import type { DecodedEntry } from './follow.js';
import type { Kept } from './store.js';
import type { Operation } from './write-batch.js';

interface Block {
  firstPosition: number;
  bytes: number;
  lastLogTimeMs: number;
}

/**
 * What a store keeps beside the data, counted in memory: entries by blocks, outcomes by spans of their ids' times. Built at
 * open by the pass that verifies, then told of all that is written.
 */
export class Census implements Kept {
  oldestPosition: number;
  entriesBytes = 0;
  outcomes = 0;
  outcomesBytes = 0;
  #nextPosition: number;
  /** Oldest first, without a gap. */
  readonly #blocks: Block[] = [];
  readonly #spans = new Map<number, number>();

  constructor(oldestPosition: number) {
    this.oldestPosition = oldestPosition;
    this.#nextPosition = oldestPosition;
  }

  /** The next entry; `bytes` with its key. */
  addEntry(bytes: number, logTimeMs: number): void {
    const block = this.#blocks.at(-1);
    if (block === undefined || block.bytes + bytes > limits.keptBlockBytes) {
      this.#blocks.push({ firstPosition: this.#nextPosition, bytes, lastLogTimeMs: logTimeMs });
    } else {
      block.bytes += bytes;
      block.lastLogTimeMs = logTimeMs;
    }
    this.entriesBytes += bytes;
    this.#nextPosition += 1;
  }

  /** The oldest `count` entries are dropped; `bytes` is what they had with their keys. */
  dropEntries(count: number, bytes: number): void {
    this.oldestPosition += count;
    this.entriesBytes -= bytes;
    let left = bytes;
    for (;;) {
      const [first, second] = this.#blocks;
      if (first === undefined) return;
      const end = second?.firstPosition ?? this.#nextPosition;
      if (end > this.oldestPosition) {
        first.firstPosition = this.oldestPosition;
        first.bytes -= left;
        return;
      }
      left -= first.bytes;
      this.#blocks.shift();
    }
  }

  /** `bytes` with its key. */
  addOutcome(idTimeMs: number, bytes: number): void {
    this.#countOutcome(idTimeMs, 1, bytes);
  }

  dropOutcome(idTimeMs: number, bytes: number): void {
    this.#countOutcome(idTimeMs, -1, -bytes);
  }

  #countOutcome(idTimeMs: number, count: number, bytes: number): void {
    this.outcomes += count;
    this.outcomesBytes += bytes;
    const span = Math.floor(idTimeMs / limits.keptSpanMs);
    const left = (this.#spans.get(span) ?? 0) + bytes;
    if (left > 0) this.#spans.set(span, left);
    else this.#spans.delete(span);
  }

  positionWithin(bytesMax: number): number {
    let bytes = 0;
    let position = this.#nextPosition;
    for (let i = this.#blocks.length - 1; i >= 0; i--) {
      const block = this.#blocks[i]!;
      bytes += block.bytes;
      if (bytes > bytesMax) return position;
      position = block.firstPosition;
    }
    return position;
  }

  positionSince(logTimeMs: number): number {
    const block = this.#blocks.find(({ lastLogTimeMs }) => lastLogTimeMs >= logTimeMs);
    return block?.firstPosition ?? this.#nextPosition;
  }

  outcomesSince(bytesMax: number): number {
    if (this.outcomesBytes <= bytesMax) return 0;
    const spans = [...this.#spans.keys()].sort((a, b) => b - a);
    let bytes = 0;
    let since = spans[0]! + 1;
    for (const span of spans) {
      bytes += this.#spans.get(span)!;
      if (bytes > bytesMax) break;
      since = span;
    }
    return since * limits.keptSpanMs;
  }
}

/** Counts what a group's batch wrote. */
export function countWritten(
  census: Census,
  group: readonly DecodedEntry[],
  operations: readonly Operation[],
): void {
  for (const { entry, bytes } of group) census.addEntry(entryKeyBytes + bytes.length, entry.logTimeMs);
  for (const operation of operations) {
    if (operation.type === 'del' || !isOutcomeKey(operation.key)) continue;
    census.addOutcome(timeOfOutcomeKey(operation.key), operation.key.length + operation.value.length);
  }
}
