import { setTimeout as pause } from 'node:timers/promises';
import type { Transaction } from '../src/client/index.js';
import { accounts, receiptPrefix, receiptTtlMs, transferCounter } from './accounts.js';
import type { RegionClient } from './region-client.js';
import type { SeededRandom } from './seeded-random.js';

export interface Bank {
  readonly client: RegionClient;
  readonly keyspace: string;
  readonly random: SeededRandom;
  readonly signal: AbortSignal;
  /** Longest pause between two transfers. */
  readonly pauseMsMax: number;
}

interface Order {
  readonly from: string;
  readonly to: string;
  readonly amount: number;
  readonly receipt: string;
}

/** Moves money between accounts, one serializable transaction after the other, from one region. */
export class Teller {
  committed = 0;
  /** Runs of a transfer that came to nothing, mostly because another was first, and were followed by one more. */
  repeated = 0;
  private orders = 0;

  constructor(readonly bank: Bank) {}

  /** Until `enough` holds, asked after every transfer. */
  async work(enough: () => boolean): Promise<void> {
    const { random, pauseMsMax, signal } = this.bank;
    while (!enough()) {
      await this.transfer(this.nextOrder());
      await pause(random.fraction() * pauseMsMax, undefined, { signal });
    }
  }

  private nextOrder(): Order {
    const { random, client } = this.bank;
    const from = random.below(accounts.length);
    const to = (from + 1 + random.below(accounts.length - 1)) % accounts.length;
    const receipt = `${receiptPrefix}${client.region}/${++this.orders}`;
    return { from: accounts[from]!, to: accounts[to]!, amount: 1 + random.below(50), receipt };
  }

  /** Until it is committed once, or turns out not to be covered. */
  private async transfer(order: Order): Promise<void> {
    const { client, keyspace, signal } = this.bank;
    const run = async (tx: Transaction): Promise<boolean> => {
      this.repeated++;
      return this.move(tx, order);
    };
    const { value: isCovered } = await client.sdk.keyspace(keyspace).transact(run, { signal });
    this.repeated--;
    if (isCovered) this.committed++;
  }

  private async move(tx: Transaction, { from, to, amount, receipt }: Order): Promise<boolean> {
    const [left, right] = await tx.getMany<number>([from, to]);
    if (left!.value < amount) return false;
    tx.set(from, left!.value - amount);
    tx.set(to, right!.value + amount);
    tx.sum(transferCounter, 1);
    const text = `${amount} from ${from} to ${to} at ${this.bank.client.region}`;
    tx.set(receipt, text, { contentType: 'text/plain', ttlMs: receiptTtlMs });
    return true;
  }
}
