import { succeed, type Failure, type Result } from '../../src/model/errors.js';
import type { Gtid } from '../../src/model/gtid.js';
import type { ChangeBatch, ChangeFeed, CommitEvent } from '../../src/transaction/service.js';

/** A change feed that gives what a test has put into it. */
export class FakeChangeFeed implements ChangeFeed {
  position: Gtid;
  closed = false;
  /** How often `next` was called. */
  calls = 0;
  readonly #given: Result<ChangeBatch>[] = [];
  #waiting: ((batch: Result<ChangeBatch>) => void) | undefined;

  constructor(position: Gtid) {
    this.position = position;
  }

  /** One batch; without commits, a heartbeat at `position`. */
  give(commits: readonly CommitEvent[], position: Gtid = commits.at(-1)?.gtid ?? this.position): void {
    this.#give(succeed({ commits, position }));
  }

  fail(failure: Failure): void {
    this.#give({ ok: false, failure });
  }

  #give(result: Result<ChangeBatch>): void {
    if (result.ok) this.position = result.value.position;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#given.push(result);
    else waiting(result);
  }

  next(): Promise<Result<ChangeBatch>> {
    this.calls += 1;
    if (this.#waiting !== undefined) throw new Error('one call at a time');
    const given = this.#given.shift();
    if (given !== undefined) return Promise.resolve(given);
    if (this.closed) return Promise.resolve(succeed({ commits: [], position: this.position }));
    return new Promise((resolve) => (this.#waiting = resolve));
  }

  close(): void {
    this.closed = true;
    if (this.#waiting !== undefined) this.give([]);
  }
}
