import type { Client, CommitEvent, Keyspace, Watch } from '../../../src/client/index.js';

/** What an app knows of one keyspace, out of what its calls returned. */
export class Ledger {
  /** GTIDs, in the order in which the answers came. */
  readonly gtids: string[] = [];
  /** Keys that one transaction each has written, and its version. */
  readonly orders = new Map<string, number>();
  /** What each `sum` was told. */
  readonly visits: bigint[] = [];
  /** Per key, what each read-modify-write has written. */
  readonly balances = new Map<string, number[]>();

  constructor(readonly keyspace: Keyspace) {}
}

const balancesCount = 5;

/** The transaction of that number: a one-shot, a read-modify-write or a sum, in turns. */
export async function transactOnce(ledger: Ledger, number: number): Promise<void> {
  const { keyspace } = ledger;
  const order = `order/${String(number).padStart(5, '0')}`;
  switch (number % 3) {
    case 0: {
      const commit = await keyspace.atomic().set(order, { number }).sum('orders', 1).commit();
      ledger.gtids.push(commit.gtid);
      ledger.orders.set(order, commit.version);
      return;
    }
    case 1: {
      const balance = `balance/${Math.floor(number / 3) % balancesCount}`;
      const commit = await keyspace.transact(async (tx) => {
        const before = await tx.get<number>(balance);
        const after = (before?.value ?? 0) + 1;
        tx.set(balance, after);
        tx.set(order, { number, after });
        return after;
      });
      ledger.gtids.push(commit.gtid);
      ledger.orders.set(order, commit.version);
      ledger.balances.set(balance, [...(ledger.balances.get(balance) ?? []), commit.value]);
      return;
    }
    default: {
      const commit = await keyspace.sum('visits', 1);
      ledger.gtids.push(commit.gtid);
      ledger.visits.push(commit.value);
    }
  }
}

/** Runs the transactions `from` (inclusive) to `to` (exclusive), as many at once as there are workers. */
export async function runTransactions(
  { from, to, workers }: { readonly from: number; readonly to: number; readonly workers: number },
  run: (number: number) => Promise<void>,
): Promise<void> {
  let next = from;
  const worker = async (): Promise<void> => {
    while (next < to) await run(next++);
  };
  await Promise.all(Array.from({ length: workers }, worker));
}

/** Takes whatever a watch brings, until it is closed. */
export class Watcher {
  readonly seen: CommitEvent[] = [];
  readonly #watch: Watch;
  readonly #ended: Promise<void>;

  constructor(client: Client, keyspace: string, from: 'now' | 'oldest') {
    this.#watch = client.keyspace(keyspace).watch({ from });
    this.#ended = this.#follow();
    // The test hears of it when it stops the watcher.
    this.#ended.catch(() => {});
  }

  get ready(): Promise<string> {
    return this.#watch.ready;
  }

  get version(): number {
    return this.seen.at(-1)?.version ?? 0;
  }

  /** Rejects with what the watch ended with, if it did not end because of this. */
  stop(): Promise<void> {
    this.#watch.close();
    return this.#ended;
  }

  async #follow(): Promise<void> {
    for await (const commit of this.#watch) this.seen.push(commit);
  }
}

/** The keys, values and versions that a whole feed leaves behind. */
export function foldedFrom(
  commits: readonly CommitEvent[],
): Map<string, { value: unknown; version: number }> {
  const state = new Map<string, { value: unknown; version: number }>();
  for (const { changes } of commits)
    for (const change of changes) {
      if (change.kind === 'set') state.set(change.key, { value: change.value, version: change.version });
      else if (change.kind === 'deleted') state.delete(change.key);
      else throw new Error('nobody deletes ranges here');
    }
  return new Map([...state].sort(([a], [b]) => (a < b ? -1 : 1)));
}

export async function stateOf(keyspace: Keyspace): Promise<Map<string, { value: unknown; version: number }>> {
  const state = new Map<string, { value: unknown; version: number }>();
  for await (const { key, value, version } of keyspace.list({ causal: true, pageSize: 1000 }))
    state.set(key, { value, version });
  return state;
}
