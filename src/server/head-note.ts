import { readFile, rename, writeFile } from 'node:fs/promises';
import type { Logger } from '../runtime/runtime.js';
import type { Head } from '../storage/store.js';

interface NotedHead {
  readonly keyspaceId: string;
  readonly position: number;
  readonly hash: string;
}

/**
 * A small file beside a keyspace's store that says how far the store had come: a store that opens behind it, or empty,
 * was set back, and its home must not lead before it has compared itself with every peer.
 */
export class HeadNote {
  readonly #file: string;
  #written = '';
  #writing = false;
  /** What was noted when the store was found to stand behind it or elsewhere. */
  #contradicted: NotedHead | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  /** Why the store cannot be trusted to be the newest, or undefined. A missing note says nothing. */
  async suspicion(head: Head): Promise<string | undefined> {
    const noted = await this.#read();
    const suspicion = noted === undefined ? undefined : suspicionOf(noted, head);
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
    const { keyspaceId, position } = head;
    const text = JSON.stringify({
      keyspaceId,
      position,
      hash: head.chainHash.toString('hex'),
    } satisfies NotedHead);
    if (text === this.#written) return;
    this.#writing = true;
    try {
      await writeFile(`${this.#file}.new`, text);
      await rename(`${this.#file}.new`, this.#file);
      this.#written = text;
    } catch (error) {
      logger.warn({ error, file: this.#file }, 'the head was not noted');
    } finally {
      this.#writing = false;
    }
  }

  #isPassedBy(head: Head): boolean {
    const noted = this.#contradicted;
    if (noted === undefined) return true;
    return noted.keyspaceId === head.keyspaceId && head.position > noted.position;
  }

  async #read(): Promise<NotedHead | undefined> {
    try {
      return JSON.parse(await readFile(this.#file, 'utf8')) as NotedHead;
    } catch {
      return undefined;
    }
  }
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
