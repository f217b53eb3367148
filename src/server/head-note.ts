import { readFile, rename, writeFile } from 'node:fs/promises';
import type { Logger } from '../runtime/runtime.js';
import { Turns } from '../storage/turns.js';
import type { Head, ReplacedHistory } from '../storage/store.js';

export interface NotedHead {
  readonly keyspaceId: string;
  readonly position: number;
  readonly hash: string;
  /** Of the transaction that was applied last; a note that was written before this was noted does not tell. */
  readonly seqno?: number;
}

/**
 * A small file beside a keyspace's store that says how far the store had come: a store that opens behind it, or empty,
 * was set back, and its home must not lead before it has compared itself with every peer.
 */
export class HeadNote {
  readonly #file: string;
  readonly #turns = new Turns();
  #written = '';
  #writing = false;
  /** What was noted when the store was found to stand behind it or elsewhere. */
  #contradicted: NotedHead | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  /** Why the store cannot be trusted to be the newest, or undefined. A missing note says nothing. */
  async suspicion(head: Head, replaced: readonly ReplacedHistory[] = []): Promise<string | undefined> {
    const noted = await this.noted();
    const isReplaced = replaced.some(({ keyspaceId }) => keyspaceId === noted?.keyspaceId);
    const suspicion = noted === undefined || isReplaced ? undefined : suspicionOf(noted, head);
    this.#contradicted = suspicion === undefined ? undefined : noted;
    return suspicion;
  }

  /**
   * Replaces the note when the head has moved. One that the store contradicts stays, else a restart would trust the store:
   * until the head is `compared` with every peer, or has passed it. A note that is not written is only older; it is logged.
   */
  async write(head: Head, logger: Logger, compared: boolean): Promise<void> {
    if (head.keyspaceId === undefined || this.#writing) return;
    if (!compared && !this.#isPassedBy(head)) return;
    this.#contradicted = undefined;
    const text = textOf(head);
    if (text === this.#written) return;
    this.#writing = true;
    try {
      await this.#replace(text);
    } catch (error) {
      logger.warn({ error, file: this.#file }, 'the head was not noted');
    } finally {
      this.#writing = false;
    }
  }

  #replace(text: string): Promise<void> {
    return this.#turns.take(async () => {
      await writeFile(`${this.#file}.new`, text);
      await rename(`${this.#file}.new`, this.#file);
      this.#written = text;
    });
  }

  #isPassedBy(head: Head): boolean {
    const noted = this.#contradicted;
    if (noted === undefined) return true;
    return noted.keyspaceId === head.keyspaceId && head.position > noted.position;
  }

  /** A new history has begun here: whatever was noted before, it is the one that counts. Throws when it is not written. */
  async renew(head: Head): Promise<void> {
    this.#contradicted = undefined;
    await this.#replace(textOf(head));
  }

  /** Undefined when there is no note that can be read. */
  async noted(): Promise<NotedHead | undefined> {
    try {
      return JSON.parse(await readFile(this.#file, 'utf8')) as NotedHead;
    } catch {
      return undefined;
    }
  }
}

function textOf({ keyspaceId, position, chainHash, seqno }: Head): string {
  return JSON.stringify({
    keyspaceId: keyspaceId!,
    position,
    hash: chainHash.toString('hex'),
    seqno,
  } satisfies NotedHead);
}

function suspicionOf(noted: NotedHead, head: Head): string | undefined {
  if (head.keyspaceId === undefined) return `the store is empty; it held position ${noted.position} before`;
  if (noted.keyspaceId !== head.keyspaceId) return 'the store holds another history than before';
  if (noted.position > head.position) {
    return `the store ends at position ${head.position}; it held ${noted.position} before`;
  }
  const isChanged = noted.position === head.position && noted.hash !== head.chainHash.toString('hex');
  return isChanged ? `the store holds another entry at position ${head.position} than before` : undefined;
}
