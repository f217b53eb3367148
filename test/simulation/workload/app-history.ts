import type { TransactionId } from '../../../src/model/ids.js';
import type { MutationRequest } from '../../../src/model/request.js';
import type { Isolation } from '../../../src/model/write-set.js';
import type { Observed } from './observed.js';

/** One run of a transaction's function, or a one-shot: what it read and wrote. */
export interface Run {
  readonly reads: Observed[];
  readonly mutations: MutationRequest[];
}

/** What an app was told of a call that writes. */
export type Told =
  | { readonly kind: 'committed'; readonly id: TransactionId; readonly seqno: number }
  | { readonly kind: 'not-committed'; readonly code: string }
  | { readonly kind: 'unknown' };

/** A call of the client's that writes. The values that it writes carry its mark, and the number of the run. */
export interface Call {
  readonly keyspace: string;
  readonly mark: string;
  readonly isolation: Isolation;
  readonly runs: Run[];
  told: Told | undefined;
}

/** A read whose snapshot the client does not show: at least as new as `notBelow`. */
export interface AppRead {
  readonly about: string;
  readonly keyspace: string;
  readonly notBelow: number;
  readonly reads: readonly Observed[];
}

/** The mark of a call and the number of its run, from 0 on, in a value that one wrote. */
export function markOf(text: string): { readonly mark: string; readonly run: number } | undefined {
  const found = /^(app .*#\d+) run (\d+)$/.exec(text);
  return found === null ? undefined : { mark: found[1]!, run: Number(found[2]) };
}

export function markedText(mark: string, run: number): string {
  return `${mark} run ${run}`;
}

/** What apps did and were told. */
export class AppHistory {
  readonly calls = new Map<string, Call>();
  readonly reads: AppRead[] = [];
}
