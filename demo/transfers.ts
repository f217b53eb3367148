import { setTimeout as pause } from 'node:timers/promises';
import { accounts, receiptPrefix, receiptTtlSeconds, transferCounter } from './accounts.js';
import { codeOf, jsonOf, nextStep, post, refused } from './attempts.js';
import {
  tokenOf,
  type Answer,
  type NoAnswer,
  type Problem,
  type Question,
  type RegionClient,
} from './region-client.js';
import type { SeededRandom } from './seeded-random.js';
import { Tally } from './tally.js';

export interface Bank {
  readonly client: RegionClient;
  readonly keyspace: string;
  /** To begin with: the accounts are open. */
  readonly token: string | undefined;
  readonly random: SeededRandom;
  readonly signal: AbortSignal;
  /** Longest pause between two transfers. */
  readonly pauseMsMax: number;
}

interface Order {
  readonly from: string;
  readonly to: string;
  readonly amount: number;
}

/** A step of a transaction that did not go well. */
interface Failed {
  readonly kind: 'failed';
  readonly question: Question;
  readonly failure: Problem | NoAnswer;
}

type Attempt = { readonly kind: 'committed' } | { readonly kind: 'not-covered' } | Failed;

/** Moves money between accounts, one interactive serializable transaction after the other, from one region. */
export class Teller {
  committed = 0;
  /** Transactions that certification or the node's own judgement aborted. */
  readonly aborts = new Tally();
  /** Other failed attempts: refused before they were taken, or unknown for a while. */
  readonly failures = new Tally();
  private token: string | undefined;

  constructor(readonly bank: Bank) {
    this.token = bank.token;
  }

  /** Until `enough` holds, asked after every transfer. */
  async work(enough: () => boolean): Promise<void> {
    const { random, pauseMsMax, signal } = this.bank;
    while (!enough()) {
      await this.transfer(this.nextOrder());
      await pause(random.fraction() * pauseMsMax, undefined, { signal });
    }
  }

  private nextOrder(): Order {
    const { random } = this.bank;
    const from = random.below(accounts.length);
    const to = (from + 1 + random.below(accounts.length - 1)) % accounts.length;
    return { from: accounts[from]!, to: accounts[to]!, amount: 1 + random.below(50) };
  }

  /** Tries until it is committed once, or turns out not to be covered. */
  private async transfer(order: Order): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.attempt(order);
      if (outcome.kind === 'not-covered') return;
      if (outcome.kind === 'committed') return void this.committed++;
      const { failure, question } = outcome;
      const aborted = failure.kind === 'problem' && failure.retry === 'new-snapshot';
      (aborted ? this.aborts : this.failures).add(codeOf(failure));
      // The winner's token: the next snapshot has what this one lost to.
      if (failure.kind === 'problem') this.see(failure.token);
      const step = nextStep(failure, attempt);
      if (step.kind === 'give-up') throw refused(this.bank.client, question, failure);
      await pause(aborted ? 0 : step.afterMs, undefined, { signal: this.bank.signal });
    }
  }

  private async attempt({ from, to, amount }: Order): Promise<Attempt> {
    const base = `/v1/keyspaces/${this.bank.keyspace}/transactions`;
    const token: Record<string, string> =
      this.token === undefined ? {} : { 'Meridian-Causality': this.token };
    const begin = post(base, { isolation: 'serializable' });
    const begun = await this.ask({ ...begin, headers: { ...begin.headers, ...token } });
    if (begun.kind === 'failed') return begun;
    const { transactionId } = jsonOf(begun) as { readonly transactionId: string };
    const path = `${base}/${transactionId}`;
    const [left, right] = [await this.balance(path, from), await this.balance(path, to)];
    if (typeof left !== 'number') return left;
    if (typeof right !== 'number') return right;
    if (left < amount) {
      const rolledBack = await this.ask(post(`${path}/rollback`, {}));
      return rolledBack.kind === 'failed' ? rolledBack : { kind: 'not-covered' };
    }
    const receipt = Buffer.from(`${amount} from ${from} to ${to} at ${this.bank.client.region}`);
    const key = `${receiptPrefix}${this.bank.client.region}/${transactionId}`;
    const written = await this.ask(
      post(`${path}/mutations`, {
        mutations: [
          { set: { key: from, value: left - amount } },
          { set: { key: to, value: right + amount } },
          { sum: { key: transferCounter, by: 1 } },
          {
            set: {
              key,
              base64: receipt.toString('base64'),
              contentType: 'text/plain',
              ttl: receiptTtlSeconds,
            },
          },
        ],
      }),
    );
    return written.kind === 'failed' ? written : this.commit(`${path}/commit`);
  }

  /** As long as the outcome is unknown, the same COMMIT again: it returns the first outcome. */
  private async commit(path: string): Promise<Attempt> {
    const question = post(path, {});
    for (let attempt = 1; ; attempt++) {
      const result = await this.ask(question);
      if (result.kind === 'answer') {
        this.see(tokenOf(result.headers));
        return { kind: 'committed' };
      }
      const { failure } = result;
      if (failure.kind === 'problem' && failure.outcome === 'not-committed') return result;
      const step = nextStep(failure, attempt);
      if (step.kind === 'give-up') throw refused(this.bank.client, question, failure);
      this.failures.add(codeOf(failure));
      await pause(step.afterMs, undefined, { signal: this.bank.signal });
    }
  }

  private async balance(path: string, account: string): Promise<number | Failed> {
    const read = await this.ask({ method: 'GET', path: `${path}/keys/${account}` });
    return read.kind === 'failed' ? read : (jsonOf(read) as number);
  }

  private async ask(question: Question): Promise<Answer | Failed> {
    this.bank.signal.throwIfAborted();
    const result = await this.bank.client.send(question);
    return result.kind === 'answer' ? result : { kind: 'failed', question, failure: result };
  }

  private see(token: string | undefined): void {
    if (token !== undefined && seqnoOf(token) > seqnoOf(this.token)) this.token = token;
  }
}

/** Of a GTID, `<keyspace uuid>:<seqno>`. */
function seqnoOf(token: string | undefined): number {
  return token === undefined ? -1 : Number(token.slice(token.lastIndexOf(':') + 1));
}
