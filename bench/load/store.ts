/** A store as the load sees it; one per load process. Whatever fails is thrown with a short message: it is what reports count. */
export interface Store {
  /** One client: operations of a session never overlap. */
  session(): Promise<Session>;
  /** Writes many keys, durable when it resolves. */
  fill(entries: readonly FillEntry[]): Promise<void>;
  close(): Promise<void>;
}

export interface FillEntry {
  readonly key: string;
  readonly value: Buffer;
}

export interface Session {
  /** One durable transaction. */
  put(key: string, value: Buffer): Promise<void>;
  /** `causal`: sees every earlier commit. Undefined when absent. A counter reads as decimal digits. */
  get(key: string, causal: boolean): Promise<Buffer | undefined>;
  /** An atomic addition. Absent where the store has none. */
  sum?(key: string, by: number): Promise<void>;
  /** Reads all keys and writes what `change` makes of them, in one transaction; absent reads as 0. */
  update(keys: readonly string[], change: Change): Promise<Updated>;
}

export type Change = (values: readonly number[]) => readonly number[];

/** `tries`: how many transactions were begun; more than one where the client retries by itself. */
export interface Updated {
  readonly kind: 'committed' | 'conflict';
  readonly tries: number;
}

export function numberOf(value: Buffer | undefined): number {
  return value === undefined ? 0 : Number(value.toString('latin1'));
}

export function bytesOf(value: number): Buffer {
  return Buffer.from(String(value), 'latin1');
}
