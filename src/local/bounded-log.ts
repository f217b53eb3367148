import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

const mib = 1024 * 1024;
const refusedByDisk = ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS'];

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

  /** What the disk does not take is dropped: whoever is logged goes on. */
  write(bytes: Uint8Array): void {
    try {
      if (this.size > 0 && this.size + bytes.length > this.bytesMax) this.rotate();
      for (let written = 0; written < bytes.length;) {
        const count = writeSync(this.descriptor, bytes, written);
        written += count;
        this.size += count;
      }
    } catch (error) {
      if (!refusedByDisk.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }

  close(): void {
    closeSync(this.descriptor);
  }

  private rotate(): void {
    renameSync(this.path, `${this.path}.1`);
    const next = openSync(this.path, 'a');
    closeSync(this.descriptor);
    this.descriptor = next;
    this.size = 0;
  }
}
