import { credentials, loadPackageDefinition, status, type Client, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { join } from 'node:path';
import { packageRoot } from '../../../src/local/package-root.js';
import { bytesOf, numberOf, type Change, type Session, type Store, type Updated } from '../store.js';

const connectionCount = 4;
const deadlineMs = 60_000;
const mutationsPerRequest = 1000;
const keyspace = 'default';

interface Value {
  readonly bytes?: Buffer;
  readonly counter?: number;
}
interface ReadAnswer {
  readonly entries?: readonly { readonly value: Value }[];
}
interface Answer {
  readonly values?: readonly { readonly value?: Value }[];
  readonly reads?: readonly ReadAnswer[];
  readonly transactionId?: string;
}
type Method = 'Read' | 'Transact' | 'Begin' | 'Operate' | 'Commit';
type Invoke = (
  request: object,
  options: { deadline: number },
  done: (error: ServiceError | null, answer: Answer) => void,
) => void;
type Stub = Client & Record<Method, Invoke>;

/** Meridian's unary gRPC methods as any language would call them: @grpc/grpc-js, and messages by proto-loader. */
export function openGrpcStore(address: string): Store {
  const definition = loadSync(join(packageRoot, 'proto/meridian/v1/meridian.proto'), { longs: Number });
  const { meridian } = loadPackageDefinition(definition) as unknown as {
    meridian: { v1: { Meridian: new (address: string, credentials: unknown, options: object) => Stub } };
  };
  const ownConnection = { 'grpc.use_local_subchannel_pool': 1 };
  const stubs = Array.from(
    { length: connectionCount },
    () => new meridian.v1.Meridian(address, credentials.createInsecure(), ownConnection),
  );
  let next = 0;
  return {
    session: async () => new GrpcSession(stubs[next++ % stubs.length]!),
    async fill(entries) {
      for (let from = 0; from < entries.length; from += mutationsPerRequest) {
        const mutations = entries
          .slice(from, from + mutationsPerRequest)
          .map(({ key, value }) => setOf(key, value));
        await call(stubs[0]!, 'Transact', { keyspace, mutations });
      }
    },
    close: async () => stubs.forEach((stub) => stub.close()),
  };
}

class GrpcSession implements Session {
  private token = '';

  constructor(private readonly stub: Stub) {}

  async put(key: string, value: Buffer): Promise<void> {
    await call(this.stub, 'Transact', { keyspace, mutations: [setOf(key, value)] });
  }

  async get(key: string, causal: boolean): Promise<Buffer | undefined> {
    const request = {
      keyspace,
      keys: [Buffer.from(key)],
      freshness: { causal, timeoutMs: causal ? 30_000 : 0 },
    };
    return bytesIn((await call(this.stub, 'Read', request)).values?.[0]?.value);
  }

  async sum(key: string, by: number): Promise<void> {
    const mutations = [{ sum: { key: Buffer.from(key), operand: by } }];
    await call(this.stub, 'Transact', { keyspace, mutations });
  }

  async update(keys: readonly string[], change: Change): Promise<Updated> {
    const freshness = { token: this.token };
    this.token = '';
    try {
      const { transactionId } = await call(this.stub, 'Begin', { keyspace, freshness });
      const reads = keys.map((key) => ({ key: Buffer.from(key) }));
      const read = await call(this.stub, 'Operate', { keyspace, transactionId, reads });
      const changed = change((read.reads ?? []).map(({ entries }) => numberOf(bytesIn(entries?.[0]?.value))));
      const mutations = keys.map((key, i) => setOf(key, bytesOf(changed[i]!)));
      await call(this.stub, 'Commit', { keyspace, transactionId, mutations });
      return { kind: 'committed', tries: 1 };
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
      this.token = error.token;
      return { kind: 'conflict', tries: 1 };
    }
  }
}

/** A transaction was overtaken and has certainly not committed. */
class Lost extends Error {
  constructor(readonly token: string) {
    super('conflict');
  }
}

function setOf(key: string, value: Buffer): object {
  return { set: { key: Buffer.from(key), value } };
}

function bytesIn(value: Value | undefined): Buffer | undefined {
  if (value === undefined || value === null) return undefined;
  return value.counter === undefined ? (value.bytes ?? Buffer.alloc(0)) : bytesOf(value.counter);
}

function call(stub: Stub, method: Method, request: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    stub[method](request, { deadline: Date.now() + deadlineMs }, (error, answer) => {
      if (error === null) resolve(answer);
      else reject(failureOf(error));
    });
  });
}

const errorInfoUrl = 'type.googleapis.com/google.rpc.ErrorInfo';

/** What we need of the ErrorInfo is found by its texts: the metadata's strings are in the message as they are. */
function failureOf(error: ServiceError): Error {
  const details = error.metadata.get('grpc-status-details-bin')[0];
  const text = Buffer.isBuffer(details) ? details.toString('latin1') : '';
  const aborted =
    error.code === status.ABORTED && text.includes(errorInfoUrl) && text.includes('not-committed');
  if (aborted)
    return new Lost(/[0-9a-f]{8}-[0-9a-f-]{27}:\d+/.exec(/token.*/s.exec(text)?.[0] ?? '')?.[0] ?? '');
  return new Error(`gRPC ${status[error.code]} ${error.details}`);
}
