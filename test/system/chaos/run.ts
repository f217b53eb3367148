import type { TransactionId } from '../../../src/model/ids.js';
import { keyFromText, type Key } from '../../../src/model/keys.js';
import { History, type Sent, type Word } from '../../simulation/workload/history.js';
import { SeededRandom } from '../../simulation/world/seeded-random.js';
import type { HttpClient, HttpOutcome, HttpQuestion, Json } from '../../support/http-client.js';
import { observedOf, resultsOf, seqnoOf } from './wire.js';

export interface Region {
  readonly id: string;
  readonly http: HttpClient;
}

/** What one answer says of the id that it is about. */
export type Verdict =
  | {
      readonly kind: 'committed';
      readonly seqno: number;
      readonly results: readonly (bigint | null)[] | undefined;
    }
  | { readonly kind: 'not-committed'; readonly code: string }
  /** `hard`: COMMIT was sent and may have happened; else the node had no sequencer to give it to. */
  | { readonly kind: 'unknown'; readonly hard: boolean; readonly why: string };

/** A transaction that writes: its record for the checks, and its marker, a key that nobody else writes. */
export interface Written {
  readonly sent: Sent;
  readonly marker: Key;
  unknown: boolean;
  /** The COMMIT may have been lost on its way, and the id rolled back where it was open: that leaves no trace. */
  traceless: boolean;
}

export const keyspaces = ['default', 'eu', 'ap'] as const;
export type Keyspace = (typeof keyspaces)[number];
export const counterKey = keyFromText('count');

/** Everything that the clients of one run share. */
export class ChaosRun {
  readonly random: SeededRandom;
  readonly history = new History();
  readonly written: Written[] = [];
  /** Of requests without an id that were never answered. */
  readonly anonymous = new Map<Keyspace, Key[]>();
  /** COMMITs on their way, per keyspace: the region that each was sent to. */
  readonly #inFlight = new Map<Keyspace, Set<{ readonly region: string }>>();
  readonly #background = new Set<Promise<void>>();
  stopping = false;
  #markers = 0;

  constructor(
    readonly seed: string,
    readonly regions: readonly Region[],
  ) {
    this.random = new SeededRandom(seed);
  }

  count(what: string): number {
    return this.history.counts.get(what) ?? 0;
  }

  nextMarker(): Key {
    return keyFromText(`marker/${String(++this.#markers).padStart(6, '0')}`);
  }

  /** COMMITs to a keyspace that were sent to other regions than `region` and are not answered. */
  inFlight(keyspace: Keyspace, region = ''): number {
    return [...(this.#inFlight.get(keyspace) ?? [])].filter((one) => one.region !== region).length;
  }

  /** COMMITs that were sent to the region and are not answered. */
  inFlightAt(region: string): number {
    return [...this.#inFlight.values()]
      .flatMap((flying) => [...flying])
      .filter((one) => one.region === region).length;
  }

  /** Transactions of the keyspace that were acknowledged. */
  committedIn(keyspace: Keyspace): number {
    return this.written.filter(
      ({ sent }) => sent.keyspace === keyspace && sent.words.some(({ kind }) => kind === 'committed'),
    ).length;
  }

  async commit(region: Region, keyspace: Keyspace, question: HttpQuestion): Promise<HttpOutcome> {
    const flying = this.#inFlight.get(keyspace) ?? new Set();
    this.#inFlight.set(keyspace, flying);
    const flight = { region: region.id };
    flying.add(flight);
    try {
      return await region.http.send({ timeoutMs: 15_000, ...question });
    } finally {
      flying.delete(flight);
    }
  }

  write(sent: Sent, marker: Key): Written {
    const written: Written = { sent, marker, unknown: false, traceless: false };
    this.written.push(written);
    this.history.sent.push(sent);
    return written;
  }

  note(sent: Sent, verdict: Verdict): void {
    if (verdict.kind === 'unknown') return;
    sent.words.push(verdict satisfies Word);
    if (verdict.kind === 'committed') this.history.tell(sent.keyspace, '', verdict.seqno);
    this.history.count(verdict.kind);
  }

  inBackground(work: Promise<void>): void {
    const kept: Promise<void> = work.then(
      () => void this.#background.delete(kept),
      (error: unknown) => {
        this.#background.delete(kept);
        this.history.violations.push(`a client failed: ${String(error)}`);
      },
    );
    this.#background.add(kept);
  }

  async settled(): Promise<void> {
    while (this.#background.size > 0) await Promise.all(this.#background);
  }
}

/** Of an answer to COMMIT, `/transact` or a resolution. */
export function verdictOf(outcome: HttpOutcome): Verdict {
  if (outcome.kind === 'unsent') return { kind: 'unknown', hard: false, why: 'unsent' };
  if (outcome.kind === 'no-reply') return { kind: 'unknown', hard: true, why: 'no-reply' };
  const { status, json } = outcome;
  if (status === 200 && json.state === undefined) {
    return { kind: 'committed', seqno: seqnoOf(json.gtid), results: resultsOf(json.results) };
  }
  if (status === 200 && json.state === 'committed') {
    return { kind: 'committed', seqno: seqnoOf(json.gtid), results: resultsOf(json.results) };
  }
  if (status === 200 && json.state === 'aborted') return { kind: 'not-committed', code: json.code };
  if (status === 200) return { kind: 'unknown', hard: false, why: json.state };
  if (json?.outcome === 'not-committed') return { kind: 'not-committed', code: json.code };
  if (json?.outcome !== 'unknown')
    throw new Error(`an answer that cannot be: ${status} ${JSON.stringify(json)}`);
  return { kind: 'unknown', hard: json.code === 'COMMIT_OUTCOME_UNKNOWN', why: json.code };
}

export function transactionPath(keyspace: string, id: TransactionId | string, action = ''): string {
  return `/v1/keyspaces/${keyspace}/transactions/${id}${action}`;
}

/** What a one-shot read, as the answer to its COMMIT shows it; nothing where that is an earlier attempt's outcome. */
export function noteReads(sent: Sent, outcome: HttpOutcome): void {
  if (outcome.kind !== 'reply' || outcome.status !== 200) return;
  const answers = outcome.json.reads as Json[];
  answers.forEach((answer, i) => sent.reads.push(observedOf(sent.requested[i]!, answer)));
}
