/** Bytes of the requests that calls of this node hold until they end, sessions' and unary ones'. Above `bytesMax` no call is taken. */
export class RequestBytes {
  readonly bytesMax: number;
  #held = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get held(): number {
    return this.#held;
  }

  /** False, and nothing is held, when there is no room. One alone always has it. */
  take(bytes: number): boolean {
    if (this.#held > 0 && this.#held + bytes > this.bytesMax) return false;
    this.#held += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#held -= bytes;
  }

  get full(): string {
    return `requests of ${this.bytesMax} bytes are under way on this node`;
  }
}
