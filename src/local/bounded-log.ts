import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

const mib = 1024 * 1024;

/** A log file that begins anew above a size and keeps one predecessor (`….1`): at most twice the size on disk. */
export class BoundedLog {
  private descriptor: number;
  private size: number;

  /** Creates the folder when it is not there. */
  constructor(
    readonly path: string,
    private readonly bytesMax: number = 16 * mib,
  ) {
    mkdirSync(dirname(path), { recursive: true });
    this.descriptor = openSync(path, 'a');
    this.size = fstatSync(this.descriptor).size;
    if (this.size >= bytesMax) this.rotate();
  }

  write(bytes: Uint8Array): void {
    if (this.size > 0 && this.size + bytes.length > this.bytesMax) this.rotate();
    let written = 0;
    while (written < bytes.length) written += writeSync(this.descriptor, bytes, written);
    this.size += bytes.length;
  }

  close(): void {
    closeSync(this.descriptor);
  }

  private rotate(): void {
    closeSync(this.descriptor);
    renameSync(this.path, `${this.path}.1`);
    this.descriptor = openSync(this.path, 'a');
    this.size = 0;
  }
}
