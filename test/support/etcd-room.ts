import { EtcdError } from '../../src/ordering/etcd/etcd-kv.js';

/** What a database of etcd takes on disk: old values stay until they are compacted, and the file shrinks by defragmenting alone. */
export class EtcdRoom {
  /** While set, everything that writes values or leases is refused. It stays until an operator takes it away. */
  isAlarmed = false;
  #quotaBytes: number | undefined;
  #usedBytes = 0;
  #fileBytes = 0;
  readonly #superseded: { readonly bytes: number; readonly revision: number }[] = [];

  constructor(quotaBytes: number | undefined) {
    this.#quotaBytes = quotaBytes;
  }

  /** Of what is not compacted. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  get fileBytes(): number {
    return this.#fileBytes;
  }

  /** Before `bytes` are written; reads and deletes cost nothing and are always taken. */
  demand(bytes: number): void {
    if (bytes === 0) return;
    this.isAlarmed ||= this.#quotaBytes !== undefined && this.#fileBytes + bytes > this.#quotaBytes;
    if (this.isAlarmed) throw new EtcdError('no-space', 'etcdserver: mvcc: database space exceeded');
  }

  take(bytes: number): void {
    this.#usedBytes += bytes;
    this.#fileBytes = Math.max(this.#fileBytes, this.#usedBytes);
  }

  /** A value that `revision` put another in the place of, or deleted. */
  supersede(bytes: number, revision: number): void {
    this.#superseded.push({ bytes, revision });
  }

  compact(revision: number): void {
    while ((this.#superseded[0]?.revision ?? Infinity) <= revision)
      this.#usedBytes -= this.#superseded.shift()!.bytes;
  }

  /** What an operator does about the alarm: defragments, raises the quota if told to, and disarms it. */
  makeRoom(quotaBytes = this.#quotaBytes): void {
    this.#quotaBytes = quotaBytes;
    this.#fileBytes = this.#usedBytes;
    this.isAlarmed = false;
  }
}
