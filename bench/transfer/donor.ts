/**
 * The donor of the measurement, a child process: fills a store on disk, then serves transfers and entries of it over gRPC.
 * Arguments: directory, keys, keys per transaction. Says its port over IPC, then its CPU time whenever it is asked.
 */
import { encodeEntry, entryHash, lastSeqnoOf, nonceBytes, type EntryContent } from '../../src/model/entry.js';
import { epoch, keyspaceName, logPosition, mintKeyspaceId, nodeId, seqno } from '../../src/model/ids.js';
import { parseTransactionId } from '../../src/model/ids.js';
import { keyFromText } from '../../src/model/keys.js';
import { contentHashOf, encodeWriteSet } from '../../src/model/write-set.js';
import { EntryFeed } from '../../src/replica/entry-feed.js';
import { silentLogger } from '../../src/runtime/runtime.js';
import { createSystemRuntime } from '../../src/runtime/system/runtime.js';
import { directoryPlace } from '../../src/storage/directory-place.js';
import { openKeyspaceStore } from '../../src/storage/keyspace-store.js';
import type { KeyspaceStore } from '../../src/storage/store.js';
import { SnapshotDonor } from '../../src/transfer/snapshot-donor.js';
import { createGrpcPeerTransport } from '../../src/transport/grpc/grpc-peer-transport.js';
import { decodeEntriesFromFollower, decodeTransferFromJoiner } from '../../src/transport/messages.js';
import { dataKey, valueSource } from '../load/operations.js';
import { seededRandom } from '../load/seeded-random.js';

export type DonorReport =
  | { readonly report: 'ready'; readonly port: number; readonly keyspaceId: string; readonly keys: number }
  | { readonly report: 'cpu'; readonly cpuMs: number; readonly rssMib: number };

const [directory = '', keys, keysPerTransaction] = process.argv.slice(2);
const transactionsPerEntry = 20;
const entriesPerApply = 20;
const runtime = createSystemRuntime(silentLogger);
const value = valueSource(seededRandom(1));

function* entriesOf(store: KeyspaceStore, total: number, perTransaction: number): Generator<Buffer> {
  let { position, chainHash } = store.head;
  let last = 0;
  const entryOf = (content: EntryContent, count: number): Buffer => {
    const header = {
      kind: content.kind,
      epoch: epoch(0),
      position: logPosition(++position),
      firstSeqno: seqno(last + 1),
      count,
      logTimeMs: runtime.clock.nowMs(),
      nonce: Buffer.alloc(nonceBytes),
      previousHash: chainHash,
    };
    const bytes = encodeEntry({ ...header, content });
    chainHash = entryHash(bytes);
    last = lastSeqnoOf(header);
    return bytes;
  };
  const keyspaceId = mintKeyspaceId(runtime.random.bytes(16));
  yield entryOf({ kind: 'genesis', keyspaceId, keyspace: 'default' }, 0);
  const baseMs = runtime.clock.nowMs();
  for (let at = 0; at < total;) {
    const items = [];
    for (let n = 0; n < transactionsPerEntry && at < total; n++) {
      const time = (baseMs + Math.floor(at / 100)).toString(16).padStart(12, '0');
      const id = parseTransactionId(
        `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${at.toString(16).padStart(12, '0')}`,
      )!;
      const until = Math.min(total, at + perTransaction);
      const mutations = [];
      for (; at < until; at++) {
        const set = { key: keyFromText(dataKey(at)), bytes: value(), contentType: 'text/plain', ttlMs: 0 };
        mutations.push({ kind: 'set', ...set } as const);
      }
      const header = { id, contentHash: contentHashOf([time]), isolation: 'serializable' } as const;
      items.push({
        kind: 'transaction',
        writeSet: encodeWriteSet({ ...header, snapshot: undefined, mutations }),
      } as const);
    }
    yield entryOf({ kind: 'batch', idFloorMs: 0, items }, items.length);
  }
}

async function fill(store: KeyspaceStore): Promise<void> {
  let group: Buffer[] = [];
  for (const entry of entriesOf(store, Number(keys), Number(keysPerTransaction))) {
    group.push(entry);
    if (group.length < entriesPerApply) continue;
    await store.apply(group);
    group = [];
  }
  if (group.length > 0) await store.apply(group);
}

const place = directoryPlace(directory, runtime.clock);
const store = await openKeyspaceStore(() => place.openCurrent(), silentLogger);
if (store.head.position < 0) await fill(store);

const keyspace = keyspaceName('default');
const donor = new SnapshotDonor({ keyspace, store, runtime });
const feed = new EntryFeed(store, runtime);
const transport = createGrpcPeerTransport({
  cluster: 'bench',
  self: nodeId('donor'),
  addresses: new Map([[nodeId('joiner'), '127.0.0.1:1']]),
  listen: '127.0.0.1:0',
  runtime,
});
transport.accept('transfer', (stream) =>
  stream.onMessage((bytes) => {
    const hello = decodeTransferFromJoiner(bytes);
    if (hello.type === 'hello') donor.serve(stream, hello);
  }),
);
transport.accept('entries', (stream) =>
  stream.onMessage((bytes) => {
    const hello = decodeEntriesFromFollower(bytes);
    if (hello.type === 'hello') feed.serve(stream, hello);
  }),
);
await transport.start();

const tell = (report: DonorReport): void => void process.send!(report);
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  tell({ report: 'cpu', cpuMs: (user + system) / 1000, rssMib: process.memoryUsage.rss() / 2 ** 20 });
});
process.on('disconnect', () => process.exit());
tell({ report: 'ready', port: transport.port, keyspaceId: store.head.keyspaceId!, keys: Number(keys) });
