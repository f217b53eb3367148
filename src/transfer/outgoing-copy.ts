import { limits } from '../model/limits.js';
import { uuidToBytes } from '../model/ids.js';
import type { Runtime } from '../runtime/runtime.js';
import { hashPacked, packRows } from '../storage/packed-rows.js';
import {
  decodeTransferFromJoiner,
  encodeTransferFromDonor,
  type OwnCopy,
  type TransferFromJoiner,
  type TransferHello,
} from '../transport/messages.js';
import type { PeerStream } from '../transport/peer-transport.js';
import { readMessages } from '../transport/read-messages.js';
import type { Pin } from './snapshot-pins.js';

export interface OutgoingPorts {
  readonly pin: Pin;
  readonly stream: PeerStream;
  readonly hello: TransferHello;
  readonly ownCopy: OwnCopy;
  readonly runtime: Runtime;
  /** The joiner has stored more. */
  onTaken(): void;
  /** The pin is needed no more, or cannot be read: `why` is for the log. */
  onOver(why: string): void;
}

/** Sends what a joiner misses of a pinned snapshot over one stream; holds two chunks in memory beside what the stream holds. */
export class OutgoingCopy {
  readonly #ports: OutgoingPorts;
  #number: number;
  #taken: number;
  #rows = 0;
  #bytes = 0;
  #closed = false;
  #onRoom: (() => void) | undefined;

  constructor(ports: OutgoingPorts) {
    this.#ports = ports;
    this.#number = ports.hello.chunks;
    this.#taken = ports.hello.chunks;
  }

  start(): void {
    const { stream, pin, runtime } = this.#ports;
    pin.onGone?.('its joiner has opened another stream');
    pin.onGone = (why) => stream.close(why);
    const take = (message: TransferFromJoiner): void => this.#onMessage(message);
    readMessages(stream, decodeTransferFromJoiner, take, runtime.logger);
    stream.onClose(() => {
      this.#closed = true;
      this.#onRoom?.();
    });
    this.#sendAll().catch((error: unknown) => {
      if (this.#closed) return;
      runtime.logger.warn({ error, joiner: pin.node }, 'a snapshot that was pinned cannot be read');
      this.#ports.onOver('the snapshot cannot be read any more');
      stream.close('the snapshot cannot be read any more');
    });
  }

  #onMessage(message: TransferFromJoiner): void {
    const { stream, onTaken, onOver } = this.#ports;
    if (message.type !== 'taken' || message.chunks > this.#number) return stream.close('not in its place');
    if (message.chunks > this.#taken) {
      this.#taken = message.chunks;
      onTaken();
    }
    this.#onRoom?.();
    if (!message.done) return;
    onOver('the joiner needs it no more');
    stream.close('the joiner needs it no more');
  }

  async #sendAll(): Promise<void> {
    const { stream, pin, hello } = this.#ports;
    await this.#sendWelcome();
    let after: Buffer | undefined = hello.lastKey.length === 0 ? undefined : Buffer.from(hello.lastKey);
    let reading = pin.snapshot.rows(after, limits.transferChunkBytes);
    while (!this.#closed) {
      const rows = await reading;
      if (rows.length === 0) break;
      after = rows.at(-1)!.key;
      // The next ones are read while these are packed and sent.
      reading = pin.snapshot.rows(after, limits.transferChunkBytes);
      reading.catch(() => undefined);
      const packed = packRows(rows);
      this.#number += 1;
      this.#rows += rows.length;
      this.#bytes += packed.length;
      const chunk = { type: 'chunk', number: this.#number, rows: packed, hash: hashPacked(packed) } as const;
      if (!stream.send(encodeTransferFromDonor(chunk))) await stream.drained();
      await this.#room();
    }
    const end = { type: 'end', chunks: this.#number, rows: this.#rows, bytes: this.#bytes } as const;
    stream.send(encodeTransferFromDonor(end));
  }

  async #sendWelcome(): Promise<void> {
    const { stream, pin, hello, ownCopy } = this.#ports;
    const { head } = pin.snapshot;
    const bytesEstimate = await pin.snapshot.rowsBytes();
    const welcome = {
      type: 'welcome',
      transferId: pin.transferId,
      keyspaceId: uuidToBytes(head.keyspaceId!),
      position: head.position,
      seqno: head.seqno,
      epoch: head.epoch,
      hash: head.chainHash,
      nonce: head.nonce,
      logTimeMs: head.logTimeMs,
      idFloorMs: head.idFloorMs,
      replaced: pin.replaced.map((history) => ({
        keyspaceId: uuidToBytes(history.keyspaceId),
        position: history.position,
        seqno: history.seqno,
      })),
      bytesEstimate,
      ownCopy,
      resumed: hello.transferId.length > 0,
      refused: '',
    } as const;
    stream.send(encodeTransferFromDonor(welcome));
  }

  /** Resolves when the joiner has stored all but a bounded number of the chunks sent, and when the stream is closed. */
  async #room(): Promise<void> {
    while (!this.#closed && this.#number - this.#taken >= limits.transferAheadChunksMax)
      await new Promise<void>((resolve) => (this.#onRoom = resolve));
  }
}
