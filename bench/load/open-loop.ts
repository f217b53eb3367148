import type { OfferOrder, OfferReport, PhaseReport } from './orders.js';
import { encodeLatencies, newLatencies, recordMs } from './latencies.js';
import { headerOf, type HttpAnswer } from './stores/http-connection.js';

/** What sends one request at a time; rejects when it was not answered. */
export interface OpenLoopConnection {
  send(): Promise<HttpAnswer>;
}

/** Arrivals that no connection was free for; beyond these an arrival is given up, and counted as `unsent`. */
const waitingMax = 10_000;
const tickMs = 1;

/**
 * Open loop: requests are sent when they are due, whatever became of those before, and a latency counts from when its
 * request was due. What is due and finds no free connection opens another, up to `connectionsMax`, and then waits for one.
 */
export async function runOpenLoop(
  open: () => OpenLoopConnection,
  { phases, beginMs, connectionsMax }: Omit<OfferOrder, 'kind' | 'mutations'>,
): Promise<OfferReport> {
  const tallies = phases.map(() => new Tally());
  const free: OpenLoopConnection[] = [];
  const waiting: Due[] = [];
  let connections = 0;
  let underWay = 0;
  let ended = (): void => {};

  const send = (due: Due, connection: OpenLoopConnection): void => {
    underWay += 1;
    const over = (): void => {
      underWay -= 1;
      const next = waiting.shift();
      if (next !== undefined) return send(next, connection);
      free.push(connection);
      if (underWay === 0) ended();
    };
    connection.send().then(
      (answer) => {
        due.tally.answered(answer, performance.now() - due.atMs);
        over();
      },
      (error: unknown) => {
        due.tally.failed(error instanceof Error ? error.message : String(error));
        over();
      },
    );
  };
  const arrive = (due: Due): void => {
    due.tally.due += 1;
    const connection = free.pop();
    if (connection !== undefined) return send(due, connection);
    if (connections < connectionsMax) {
      connections += 1;
      return send(due, open());
    }
    if (waiting.length < waitingMax) waiting.push(due);
    else due.tally.unsent += 1;
  };

  let startMs = beginMs - performance.timeOrigin;
  for (const [i, { perSecond, seconds }] of phases.entries()) {
    const count = Math.round(perSecond * seconds);
    for (let n = 0; n < count;) {
      const dueUntilMs = performance.now();
      for (; n < count && startMs + (n / perSecond) * 1000 <= dueUntilMs; n++)
        arrive({ atMs: startMs + (n / perSecond) * 1000, tally: tallies[i]! });
      await new Promise((resolve) => setTimeout(resolve, tickMs));
    }
    startMs += seconds * 1000;
  }
  if (underWay > 0) await new Promise<void>((resolve) => (ended = resolve));
  return { phases: tallies.map((tally) => tally.report()), connections };
}

interface Due {
  readonly atMs: number;
  readonly tally: Tally;
}

/** What became of the requests that were due in one phase. */
class Tally {
  due = 0;
  unsent = 0;
  readonly #answers: Record<string, number> = {};
  readonly #failures: Record<string, number> = {};
  readonly #latencies = newLatencies();
  readonly #refusals = newLatencies();

  answered(answer: HttpAnswer, latencyMs: number): void {
    const { status } = answer;
    const name = status === 200 ? 'ok' : refusalOf(answer);
    this.#answers[name] = (this.#answers[name] ?? 0) + 1;
    recordMs(status === 200 ? this.#latencies : this.#refusals, latencyMs);
  }

  failed(reason: string): void {
    this.#failures[reason] = (this.#failures[reason] ?? 0) + 1;
  }

  report(): PhaseReport {
    return {
      due: this.due,
      unsent: this.unsent,
      answers: this.#answers,
      failures: this.#failures,
      latencies: encodeLatencies(this.#latencies),
      refusals: encodeLatencies(this.#refusals),
    };
  }
}

/** `OVERLOADED`, with ` without Retry-After` where that is not said. */
function refusalOf({ status, head, body }: HttpAnswer): string {
  const code = /"code":"(\w+)"/.exec(body.toString('latin1'))?.[1] ?? String(status);
  return headerOf(head, 'retry-after') === undefined ? `${code} without Retry-After` : code;
}
