import { Readable } from 'node:stream';
import { failure, type Failure } from '../../model/errors.js';
import type { Gtid } from '../../model/gtid.js';
import type { ChangeFeed, CommitEvent } from '../../transaction/service.js';
import { problemOf } from '../errors.js';
import { commitJson } from '../json-changes.js';
import type { Encoding } from '../json-values.js';

/** Events that are ready go out together up to here; also what the stream itself holds for a slow socket. */
const chunkBytesMax = 64 * 1024;
/** After what time an EventSource whose connection broke comes back. */
const reconnectMs = 1000;

/**
 * A change feed as server-sent events (WHATWG HTML, "Server-sent events"). It asks the feed for more only when its reader
 * does: for a consumer that does not read, it holds one batch and one chunk. Ends the feed when it is destroyed.
 */
export class EventStream extends Readable {
  readonly #feed: ChangeFeed;
  readonly #encoding: Encoding;
  #begun = false;
  #commits: readonly CommitEvent[] = [];
  #next = 0;
  #stopping = false;
  #ended = false;

  constructor(feed: ChangeFeed, encoding: Encoding) {
    super({ highWaterMark: chunkBytesMax });
    this.#feed = feed;
    this.#encoding = encoding;
  }

  /** The server closes: ends the stream, at once where its consumer does not take what is there. */
  stop(): void {
    this.#stopping = true;
    if (this.readableLength > 0) this.destroy();
    else this.#feed.close();
  }

  override _read(): void {
    this.#chunk().then(
      (chunk) => {
        if (!this.destroyed) this.push(chunk);
      },
      (error: unknown) => this.destroy(error as Error),
    );
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#feed.close();
    this.#commits = [];
    callback(error);
  }

  /** What goes out next, as soon as there is something; null at the end. */
  async #chunk(): Promise<string | null> {
    if (this.#ended) return null;
    if (!this.#begun) {
      // The first position at once, so that who is cut off before the first commit can go on too.
      this.#begun = true;
      return `retry: ${reconnectMs}\n${heartbeat(this.#feed.position)}`;
    }
    if (this.#next < this.#commits.length) return this.#commitsText();
    const batch = this.#stopping ? stopped : await this.#feed.next();
    if (!batch.ok || this.#stopping) {
      this.#ended = true;
      return problemEvent(batch.ok ? stopped.failure : batch.failure);
    }
    this.#commits = batch.value.commits;
    this.#next = 0;
    return this.#commits.length === 0 ? heartbeat(batch.value.position) : this.#commitsText();
  }

  #commitsText(): string {
    let text = '';
    while (this.#next < this.#commits.length && text.length < chunkBytesMax) {
      const commit = this.#commits[this.#next++]!;
      text += `id: ${commit.gtid}\n${dataLines(commitJson(commit, this.#encoding))}\n`;
    }
    return text;
  }
}

const stopped = {
  ok: false,
  failure: failure('NODE_NOT_READY', 'the node stops', { details: { state: 'draining' } }),
} as const;

/** A named event: EventSource remembers its id and gives it to who listens for the name, not to `onmessage`. */
function heartbeat(position: Gtid): string {
  return `event: heartbeat\nid: ${position}\ndata: {"gtid":"${position}"}\n\n`;
}

function problemEvent(failed: Failure): string {
  return `event: error\n${dataLines(JSON.stringify(problemOf(failed)))}\n`;
}

/** One field per line of the text; a reader joins them with line feeds, which JSON has between its tokens alone. */
function dataLines(json: string): string {
  return `data: ${json.replace(/\r\n|\r|\n/g, '\ndata: ')}\n`;
}
