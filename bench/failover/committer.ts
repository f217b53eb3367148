import { connect, MeridianError, type Client } from '../../src/client/index.js';

/** A commit that was acknowledged; performance.now(). */
interface Acknowledged {
  readonly sentMs: number;
  readonly ackedMs: number;
}

export interface CommitterOptions {
  /** host:port of the nodes to commit through; each commit goes through one of them. */
  readonly endpoints: readonly string[];
  readonly everyMs: number;
}

const patienceMs = 60_000;
const waitMsMax = 30_000;

/**
 * Commits to `default` by the SDK at a steady rate, whether or not the earlier ones were answered, and notes when each was
 * acknowledged. The SDK tries again by itself; a commit that it gives up is counted in `failures`.
 */
export class Committer {
  readonly failures: string[] = [];
  readonly #acks: Acknowledged[] = [];
  readonly #clients: readonly Client[];
  readonly #timer: NodeJS.Timeout;
  #waiting: (() => void)[] = [];
  #sent = 0;

  static async start({ endpoints, everyMs }: CommitterOptions): Promise<Committer> {
    const options = { requestTimeoutMs: patienceMs, transactTimeoutMs: patienceMs };
    const clients = await Promise.all(
      endpoints.map((endpoint) => connect({ endpoints: [endpoint], ...options })),
    );
    return new Committer(clients, everyMs);
  }

  private constructor(clients: readonly Client[], everyMs: number) {
    this.#clients = clients;
    this.#timer = setInterval(() => void this.#commit(), everyMs);
  }

  /** ms from `sinceMs` to the first acknowledgement of a commit that was sent after it. */
  async firstAfter(sinceMs: number): Promise<number> {
    const lateMs = performance.now() + waitMsMax;
    for (;;) {
      const after = this.#acks.filter(({ sentMs }) => sentMs > sinceMs).map(({ ackedMs }) => ackedMs);
      if (after.length > 0) return Math.min(...after) - sinceMs;
      if (performance.now() > lateMs) throw new Error(`no commit was acknowledged for ${waitMsMax} ms`);
      await this.#nextAck();
    }
  }

  /** The longest time without an acknowledgement between two moments, ms. */
  longestGap(fromMs: number, toMs: number): number {
    const moments = this.#acks
      .map(({ ackedMs }) => ackedMs)
      .filter((ms) => ms >= fromMs && ms <= toMs)
      .sort((a, b) => a - b);
    const all = [fromMs, ...moments, toMs];
    return Math.max(...all.slice(1).map((ms, i) => ms - all[i]!));
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const client of this.#clients) client.close();
  }

  async #commit(): Promise<void> {
    const n = this.#sent++;
    const sentMs = performance.now();
    try {
      await this.#clients[n % this.#clients.length]!.keyspace('default').set(`failover/${n % 100}`, `${n}`);
      this.#acks.push({ sentMs, ackedMs: performance.now() });
    } catch (error) {
      this.failures.push(error instanceof MeridianError ? error.code : String(error));
    }
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #nextAck(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      setTimeout(resolve, 100);
    });
  }
}
