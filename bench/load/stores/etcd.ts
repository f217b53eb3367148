import { connect, constants, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import {
  bytesOf,
  numberOf,
  type Change,
  type FillEntry,
  type Session,
  type Store,
  type Updated,
} from '../store.js';
import {
  compareModRevision,
  putRequest,
  rangeItem,
  rangeRequest,
  txnRequest,
  txnSucceeded,
  type RangeItem,
} from './etcd-wire.js';

const connectionCount = 4;
const timeoutMs = 60_000;
const putsPerTxn = 100;
const frameHeadBytes = 5;

/** etcd v3: gRPC written straight on node:http2, because through @grpc/grpc-js the client, not etcd, would be the limit. */
export async function openEtcdStore(address: string): Promise<Store> {
  const connections = await Promise.all(Array.from({ length: connectionCount }, () => connected(address)));
  let next = 0;
  return {
    session: async () => new EtcdSession(connections[next++ % connectionCount]!),
    async fill(entries) {
      for (let from = 0; from < entries.length; from += putsPerTxn)
        await call(connections[0]!, 'Txn', txnRequest([], putsOf(entries.slice(from, from + putsPerTxn))));
    },
    close: async () => connections.forEach((one) => one.destroy()),
  };
}

class EtcdSession implements Session {
  constructor(private readonly connection: ClientHttp2Session) {}

  async put(key: string, value: Buffer): Promise<void> {
    await call(this.connection, 'Put', putRequest(Buffer.from(key), value));
  }

  async get(key: string, causal: boolean): Promise<Buffer | undefined> {
    return rangeItem(await call(this.connection, 'Range', rangeRequest(Buffer.from(key), !causal)))?.value;
  }

  /** Optimistic: linearizable reads, then a Txn that compares their revisions. */
  async update(keys: readonly string[], change: Change): Promise<Updated> {
    const names = keys.map((key) => Buffer.from(key));
    const items: (RangeItem | undefined)[] = [];
    for (const name of names)
      items.push(rangeItem(await call(this.connection, 'Range', rangeRequest(name, false))));
    const changed = change(items.map((item) => numberOf(item?.value)));
    const compares = names.map((name, i) => compareModRevision(name, items[i]?.modRevision ?? 0));
    const puts = names.map((name, i) => putRequest(name, bytesOf(changed[i]!)));
    const answer = await call(this.connection, 'Txn', txnRequest(compares, puts));
    return { kind: txnSucceeded(answer) ? 'committed' : 'conflict', tries: 1 };
  }
}

function putsOf(entries: readonly FillEntry[]): Buffer[] {
  return entries.map(({ key, value }) => putRequest(Buffer.from(key), value));
}

function connected(address: string): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const connection = connect(`http://${address}`);
    connection.once('connect', () => resolve(connection));
    // Calls under way are told by their own streams.
    connection.on('error', reject);
  });
}

/** One unary call of etcdserverpb.KV. */
function call(
  connection: ClientHttp2Session,
  method: 'Put' | 'Range' | 'Txn',
  message: Buffer,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const stream = connection.request({
      ':method': 'POST',
      ':path': `/etcdserverpb.KV/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const chunks: Buffer[] = [];
    let status: string | undefined;
    let text = '';
    const note = (headers: IncomingHttpHeaders): void => {
      if (headers['grpc-status'] === undefined) return;
      status = String(headers['grpc-status']);
      text = String(headers['grpc-message'] ?? '');
    };
    stream.setTimeout(timeoutMs, () => stream.close(constants.NGHTTP2_CANCEL));
    stream.on('response', note);
    stream.on('trailers', note);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('close', () => {
      if (status === '0') resolve(Buffer.concat(chunks).subarray(frameHeadBytes));
      else reject(new Error(status === undefined ? 'connection lost' : `grpc ${status} ${text}`));
    });
    const head = Buffer.alloc(frameHeadBytes);
    head.writeUInt32BE(message.length, 1);
    stream.end(Buffer.concat([head, message]));
  });
}
