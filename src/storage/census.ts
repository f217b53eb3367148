import { limits } from '../model/limits.js';
import type { DecodedEntry } from './follow.js';
import { entryKeyBytes } from './layout.js';
import { spanOperation, type OutcomeCount, type OutcomeCounts } from './outcome-counts.js';
import type { Kept } from './store.js';
import type { Operation } from './write-batch.js';

interface Block {
  firstPosition: number;
  bytes: number;
  lastLogTimeMs: number;
}

const none: OutcomeCount = { outcomes: 0, bytes: 0 };

/**
 * What a store keeps beside the data, counted in memory: entries by blocks, from the pass that verifies them at open;
 * outcomes by spans of their ids' times, from records that every batch keeps true. Then told of all that is written.
 */
export class Census implements Kept {
  oldestPosition: number;
  entriesBytes = 0;
  outcomes = 0;
  outcomesBytes = 0;
  #nextPosition: number;
  /** Oldest first, without a gap. */
  readonly #blocks: Block[] = [];
  readonly #spans = new Map<number, OutcomeCount>();
  /** Whether the records of spans say what this does. */
  #areRecorded: boolean;

  /** `outcomes`: those that are there. */
  constructor(oldestPosition: number, outcomes: OutcomeCounts = new Map(), areRecorded = true) {
    this.oldestPosition = oldestPosition;
    this.#nextPosition = oldestPosition;
    this.changeOutcomes(outcomes);
    this.#areRecorded = areRecorded;
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

  addEntries(group: readonly DecodedEntry[]): void {
    for (const { entry, bytes } of group) this.addEntry(entryKeyBytes + bytes.length, entry.logTimeMs);
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

  /** For the batch that changes the outcomes so: the records of spans as they are to be then. They hold no differences. */
  spanOperations(changes: OutcomeCounts): Operation[] {
    const spans = this.#areRecorded ? changes.keys() : new Set([...this.#spans.keys(), ...changes.keys()]);
    return Array.from(spans, (span) => spanOperation(span, this.#after(span, changes)));
  }

  /** A batch that changes the outcomes so, with the `spanOperations` of it, is written. */
  changeOutcomes(changes: OutcomeCounts): void {
    for (const span of changes.keys()) {
      const before = this.#spans.get(span) ?? none;
      const after = this.#after(span, changes);
      this.outcomes += after.outcomes - before.outcomes;
      this.outcomesBytes += after.bytes - before.bytes;
      if (after.outcomes > 0) this.#spans.set(span, after);
      else this.#spans.delete(span);
    }
    this.#areRecorded = true;
  }

  /** Never below nothing, also when a record was lost. */
  #after(span: number, changes: OutcomeCounts): OutcomeCount {
    const before = this.#spans.get(span) ?? none;
    const change = changes.get(span) ?? none;
    const [outcomes, bytes] = [before.outcomes + change.outcomes, before.bytes + change.bytes];
    return outcomes > 0 && bytes > 0 ? { outcomes, bytes } : none;
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
      bytes += this.#spans.get(span)!.bytes;
      if (bytes > bytesMax) break;
      since = span;
    }
    return since * limits.keptSpanMs;
  }
}
