/**
 * Writes entry-v1.json from fixed inputs: `npx tsx test/golden/make-entry-v1.ts`. It was run once, when format 1 was
 * released; a change of what it writes is a change of the format, which needs a version and a file of its own.
 */
import { MemoryLevel } from 'memory-level';
import { writeFile } from 'node:fs/promises';
import { decodeEntry } from '../../src/model/entry.js';
import { seqno, type KeyspaceId } from '../../src/model/ids.js';
import { keyFromBytes } from '../../src/model/keys.js';
import { abortCodes, type AbortedOutcome } from '../../src/model/outcome.js';
import { encodeWriteSet, type Mutation, type WriteSet } from '../../src/model/write-set.js';
import { silentLogger } from '../../src/runtime/runtime.js';
import { emptyHead } from '../../src/storage/follow.js';
import { openKeyspaceStore } from '../../src/storage/keyspace-store.js';
import { atomic, Chain, expire, key, remove, removeRange, set, testId } from '../support/chain.js';

const startMs = 1_700_000_000_000;

function committed(number: number, mutations: readonly Mutation[], rest: Partial<WriteSet> = {}) {
  const header = {
    id: testId(startMs + number),
    contentHash: Buffer.alloc(32, number),
    isolation: 'serializable',
    snapshot: undefined,
  } as const;
  return { kind: 'transaction', writeSet: encodeWriteSet({ ...header, mutations, ...rest }) } as const;
}

function tombstone(number: number, outcome: Omit<AbortedOutcome, 'kind'>) {
  return {
    kind: 'tombstone',
    id: testId(startMs + number),
    outcome: { kind: 'aborted', ...outcome },
  } as const;
}

function entries(): Buffer[] {
  const chain = new Chain(emptyHead, Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex'), startMs);
  const keyspaceId = '6ba7b810-9dad-41d1-80b4-00c04fd430c8' as KeyspaceId;
  const made = [chain.next({ kind: 'genesis', keyspaceId, keyspace: 'default' })];
  chain.logTimeMs += 10;
  made.push(chain.next({ kind: 'barrier', idFloorMs: startMs - 1_000, node: 'us-east-1' }));
  const binaryKey = keyFromBytes(Uint8Array.from([0, 0xff, 0x80]));
  const binary = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const items = [
    committed(1, [set('plain', 'one'), set('due', 'two', 5), set('ключ/\u{1f600}', 'three', 86_400_000)]),
    committed(2, [
      { kind: 'set', key: binaryKey, bytes: binary, contentType: '', ttlMs: 0 },
      atomic('sum', 'n/sum', -(2n ** 63n)),
      atomic('min', 'n/min', 2n ** 63n - 1n, 7),
    ]),
    committed(3, [{ kind: 'max', key: key('n/max'), operand: -1n, ttlMs: 0, asPlain: true }], {
      isolation: 'snapshot',
      snapshot: seqno(300),
    }),
    committed(4, [set('range/a'), set('range/b'), set('range/c'), set('gone')], { snapshot: seqno(0) }),
    committed(5, [removeRange('range/b', 'range/c'), removeRange('zzz'), remove('gone')]),
  ];
  made.push(chain.batch(items, startMs - 900));
  chain.logTimeMs += 20;
  const conflict = { key: key('plain'), winner: seqno(4_000_000_000) };
  const dead = abortCodes.map((code, i) => {
    return tombstone(20 + i, {
      code,
      conflict: i % 2 === 0 ? conflict : undefined,
      contentHash: Buffer.alloc(32, i),
    });
  });
  const resolved = tombstone(40, {
    code: 'TRANSACTION_ABORTED',
    conflict: undefined,
    contentHash: undefined,
  });
  const last = committed(6, [
    expire('due'),
    expire('plain'),
    atomic('sum', 'n/sum', -1n),
    atomic('sum', 'n/max', 43n),
  ]);
  made.push(
    chain.next({ kind: 'mark', mark: 'check-1' }),
    chain.batch([...dead, last, resolved], startMs - 900),
  );
  return made;
}

const made = entries();
const store = await openKeyspaceStore(async () => {
  const database = new MemoryLevel<Buffer, Buffer>({ keyEncoding: 'buffer', valueEncoding: 'buffer' });
  await database.open();
  return database;
}, silentLogger);
await store.apply(made);
const lastOutcome = store.outcome(testId(startMs + 6))!;
const golden = {
  says: 'Entry format 1 with write set format 1. Never changed after release; a new format gets a new file.',
  entries: made.map((bytes) => {
    const { kind, epoch, position, firstSeqno, count, logTimeMs } = decodeEntry(bytes);
    return { kind, epoch, position, firstSeqno, count, logTimeMs, hex: bytes.toString('hex') };
  }),
  chainHash: store.head.chainHash.toString('hex'),
  idFloorMs: store.head.idFloorMs,
  state: await store.snapshot().stateHash(),
  lastResults: lastOutcome.kind === 'committed' ? lastOutcome.results : [],
};
const text = JSON.stringify(
  golden,
  (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value),
  2,
);
await writeFile(new URL('entry-v1.json', import.meta.url), `${text}\n`);
