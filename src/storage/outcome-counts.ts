import { ByteWriter } from '../model/bytes.js';
import { limits } from '../model/limits.js';
import {
  everything,
  isOutcomeKey,
  numberedKey,
  numberOfKey,
  seal,
  timeOfOutcomeKey,
  unseal,
} from './layout.js';
import { recordPages } from './record-pages.js';
import type { Database } from './store.js';
import type { Operation } from './write-batch.js';

/** Of ids that were made in one span of time; bytes of keys and values. In a change: so many more, or fewer. */
export interface OutcomeCount {
  readonly outcomes: number;
  readonly bytes: number;
}

/** By the number of the span: the ids' time over limits.keptSpanMs. */
export type OutcomeCounts = ReadonlyMap<number, OutcomeCount>;

/** Adds one outcome to `counts`, or takes it away. */
export function countOutcome(
  counts: Map<number, OutcomeCount>,
  key: Buffer,
  value: Buffer,
  sign: 1 | -1 = 1,
): void {
  const span = Math.floor(timeOfOutcomeKey(key) / limits.keptSpanMs);
  const before = counts.get(span);
  const bytes = sign * (key.length + value.length);
  counts.set(span, { outcomes: (before?.outcomes ?? 0) + sign, bytes: (before?.bytes ?? 0) + bytes });
}

/** Of what a batch writes. */
export function outcomesWritten(operations: readonly Operation[]): OutcomeCounts {
  const counts = new Map<number, OutcomeCount>();
  for (const operation of operations) {
    if (operation.type === 'put' && isOutcomeKey(operation.key))
      countOutcome(counts, operation.key, operation.value);
  }
  return counts;
}

/** Makes the record of a span say how many outcomes it has; one that has none has no record. */
export function spanOperation(span: number, { outcomes, bytes }: OutcomeCount): Operation {
  const key = numberedKey('span', span);
  if (outcomes === 0) return { type: 'del', key };
  return { type: 'put', key, value: seal(key, new ByteWriter(24).varint(outcomes).varint(bytes)) };
}

/**
 * What the records of spans say. A store that was written before there were any has outcomes and none of these: then all
 * outcomes are read. Throws StoreDamaged.
 */
export async function readOutcomeCounts(
  database: Database,
): Promise<{ readonly counts: OutcomeCounts; readonly areRecorded: boolean }> {
  const counts = new Map<number, OutcomeCount>();
  for await (const page of recordPages(database, everything('span'))) {
    for (const [key, record] of page) counts.set(numberOfKey(key), decodeCount(key, record));
  }
  if (counts.size > 0) return { counts, areRecorded: true };
  for await (const page of recordPages(database, everything('outcome'))) {
    for (const [key, value] of page) countOutcome(counts, key, value);
  }
  return { counts, areRecorded: false };
}

function decodeCount(key: Buffer, record: Buffer): OutcomeCount {
  const reader = unseal(key, record, () => {
    const since = new Date(numberOfKey(key) * limits.keptSpanMs).toISOString();
    return `the record that counts the outcomes of ids made from ${since} on`;
  });
  return { outcomes: reader.varint(), bytes: reader.varint() };
}
