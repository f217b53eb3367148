import { connect, ConflictError, type Client, type Keyspace } from '../../../src/client/index.js';
import { bytesOf, numberOf, type Change, type Session, type Store, type Updated } from '../store.js';

const requestTimeoutMs = 60_000;
const entriesPerCommit = 1000;

/** The TypeScript SDK. One client for all clients of a load process, as an app's server has one: they share its stream. */
export async function openSdkStore(address: string): Promise<Store> {
  const client: Client = await connect({
    endpoints: [address],
    requestTimeoutMs,
    transactTimeoutMs: requestTimeoutMs,
  });
  const keyspace = client.keyspace('default', { values: 'bytes' });
  const session = new SdkSession(keyspace);
  return {
    session: async () => session,
    async fill(entries) {
      for (let from = 0; from < entries.length; from += entriesPerCommit) {
        const commit = keyspace.atomic();
        for (const { key, value } of entries.slice(from, from + entriesPerCommit)) commit.set(key, value);
        await commit.commit();
      }
    },
    close: async () => client.close(),
  };
}

class SdkSession implements Session {
  constructor(private readonly keyspace: Keyspace) {}

  async put(key: string, value: Buffer): Promise<void> {
    await this.keyspace.set(key, value);
  }

  async get(key: string, causal: boolean): Promise<Buffer | undefined> {
    const entry = await this.keyspace.get<Uint8Array | bigint>(key, causal ? { causal } : undefined);
    return entry === undefined ? undefined : bytesIn(entry.value);
  }

  async sum(key: string, by: number): Promise<void> {
    await this.keyspace.sum(key, by);
  }

  /** The SDK tries again by itself, after a pause that grows. */
  async update(keys: readonly string[], change: Change): Promise<Updated> {
    let tries = 0;
    try {
      await this.keyspace.transact(async (tx) => {
        tries += 1;
        const found = await tx.getMany<Uint8Array>(keys);
        const changed = change(found.map((entry) => numberOf(entry && bytesIn(entry.value))));
        for (const [i, key] of keys.entries()) tx.set(key, bytesOf(changed[i]!));
      });
      return { kind: 'committed', tries };
    } catch (error) {
      if (error instanceof ConflictError) return { kind: 'conflict', tries };
      throw error;
    }
  }
}

function bytesIn(value: Uint8Array | bigint): Buffer {
  if (typeof value === 'bigint') return bytesOf(Number(value));
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
