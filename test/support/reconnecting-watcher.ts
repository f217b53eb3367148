import { EventConnection } from './event-source.js';
import { eventually } from './eventually.js';

export interface WatchedCommit {
  readonly gtid: string;
  readonly time: number;
  readonly changes: readonly Readonly<Record<string, unknown>>[];
}

/** Watches a keyspace as an EventSource does: whenever a stream ends it comes back with the last event id that it has. */
export class ReconnectingWatcher {
  readonly commits: WatchedCommit[] = [];
  /** Streams that were opened and gave at least their first event. */
  streams = 0;
  /** Codes of the problems that streams ended with. */
  readonly problems: string[] = [];
  #lastEventId = '';
  #stopping = false;
  readonly #ended: Promise<void>;

  /** `url` is asked for with each connection: it may lead elsewhere. */
  constructor(url: () => string) {
    this.#ended = this.#run(url);
  }

  /** Up to what the last stream has told. */
  get lastEventId(): string {
    return this.#lastEventId;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#ended;
  }

  async #run(url: () => string): Promise<void> {
    while (!this.#stopping) {
      const headers: Record<string, string> =
        this.#lastEventId === '' ? {} : { 'Last-Event-ID': this.#lastEventId };
      const connection = new EventConnection(url(), headers);
      let taken = 0;
      const take = (): void => {
        for (const { type, data } of connection.events.slice(taken)) {
          taken += 1;
          if (taken === 1) this.streams += 1;
          if (type === 'message') this.commits.push(JSON.parse(data) as WatchedCommit);
          if (type === 'error') this.problems.push((JSON.parse(data) as { code: string }).code);
        }
        if (connection.parser.lastEventId !== '') this.#lastEventId = connection.parser.lastEventId;
      };
      const isOver = (): boolean => {
        take();
        return connection.ended || this.#stopping;
      };
      await eventually(isOver, { withinMs: 600_000, everyMs: 20 });
      connection.close();
    }
  }
}
