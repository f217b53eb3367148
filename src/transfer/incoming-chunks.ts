import { assertNever } from '../model/assert.js';
import type { CopyChunk, IncomingCopy } from '../storage/incoming-copy.js';
import { StoreDamaged } from '../storage/store.js';
import {
  encodeTransferFromJoiner,
  PeerMessageError,
  type TransferEnd,
  type TransferFromDonor,
} from '../transport/messages.js';
import type { Inbox } from './inbox.js';
import { judgeChunk } from './judge-donor.js';

export type ChunksEnd =
  /** All chunks are stored: so many. */
  | { readonly kind: 'whole'; readonly chunks: number }
  | { readonly kind: 'broken'; readonly why: string }
  | { readonly kind: 'untrue'; readonly why: string };

export interface IncomingChunksPorts {
  readonly inbox: Inbox<TransferFromDonor>;
  readonly copy: IncomingCopy;
  /** Called after each chunk with the bytes of its rows. */
  onStored(bytes: number): void;
}

/** Takes the chunks of one stream into the copy: while one is written the next is judged, more wait in the inbox. */
export class IncomingChunks {
  readonly #ports: IncomingChunksPorts;
  /** Including the chunk that is being written. */
  #chunks: number;
  #rows = 0;
  #bytes = 0;
  #storedBytes: number;
  #writing: Promise<void> = Promise.resolve();

  constructor(ports: IncomingChunksPorts) {
    this.#ports = ports;
    const { chunks, bytes } = ports.copy.progress;
    this.#storedBytes = bytes;
    this.#chunks = chunks;
  }

  /** Nothing is being written when it resolves or rejects. Rejects when the copy cannot be written. Called once. */
  async run(): Promise<ChunksEnd> {
    try {
      const end = await this.#takeAll();
      await this.#writing;
      return end;
    } catch (error) {
      // Found before anything of the chunk was written.
      if (error instanceof StoreDamaged) return { kind: 'untrue', why: error.message };
      throw error;
    }
  }

  async #takeAll(): Promise<ChunksEnd> {
    const { inbox } = this.#ports;
    for (;;) {
      const message = await this.#next();
      if ('untrue' in message) return { kind: 'untrue', why: message.untrue };
      switch (message.type) {
        case 'closed':
          return { kind: 'broken', why: inbox.closed ?? 'the stream is closed' };
        case 'welcome':
          return { kind: 'untrue', why: 'a second welcome' };
        case 'end':
          return this.#judgeEnd(message);
        case 'chunk': {
          const chunk = judgeChunk(message, this.#chunks);
          if ('untrue' in chunk) return { kind: 'untrue', why: chunk.untrue };
          this.#rows += chunk.rows.length;
          this.#bytes += message.rows.length;
          this.#chunks = chunk.number;
          await this.#write(chunk);
          break;
        }
        default:
          assertNever(message);
      }
    }
  }

  async #next(): Promise<TransferFromDonor | { readonly type: 'closed' } | { readonly untrue: string }> {
    try {
      return (await this.#ports.inbox.next()) ?? { type: 'closed' };
    } catch (error) {
      if (error instanceof PeerMessageError) return { untrue: error.message };
      throw error;
    }
  }

  /** Resolves when the chunk before is written and this one is begun. */
  async #write(chunk: CopyChunk): Promise<void> {
    const { inbox, copy, onStored } = this.#ports;
    await this.#writing;
    this.#writing = copy.addChunk(chunk).then(() => {
      onStored(copy.progress.bytes - this.#storedBytes);
      this.#storedBytes = copy.progress.bytes;
      inbox.send(encodeTransferFromJoiner({ type: 'taken', chunks: chunk.number, done: false }));
    });
    this.#writing.catch(() => undefined);
  }

  #judgeEnd({ chunks, rows, bytes }: TransferEnd): ChunksEnd {
    if (chunks === this.#chunks && rows === this.#rows && bytes === this.#bytes)
      return { kind: 'whole', chunks };
    const got = `${this.#chunks} chunks, here ${this.#rows} rows of ${this.#bytes} bytes`;
    return {
      kind: 'untrue',
      why: `it says it sent ${chunks} chunks, here ${rows} rows of ${bytes} bytes: ${got}`,
    };
  }
}
