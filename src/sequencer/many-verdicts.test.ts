import { expect, it } from 'vitest';
import { begun } from '../../test/support/begun-store.js';
import { set } from '../../test/support/chain.js';
import { eventually } from '../../test/support/eventually.js';
import { idAt } from '../../test/support/sequenced.js';
import { CertificationIndex } from '../certification/certification-index.js';
import { keyspaceName, nodeId, seqno, type TransactionId } from '../model/ids.js';
import { keyFromText, keyToBytes } from '../model/keys.js';
import { limits } from '../model/limits.js';
import { contentHashOf, encodeWriteSet } from '../model/write-set.js';
import { defaultRetention } from '../model/retention.js';
import { EmbeddedLog } from '../ordering/embedded/embedded-log.js';
import { silentLogger } from '../runtime/runtime.js';
import { createSystemRuntime } from '../runtime/system/runtime.js';
import { createLoopbackPair } from '../transport/loopback.js';
import {
  decodeCertifyFromSequencer,
  encodeCertifyFromNode,
  type Submission,
  type Verdict,
} from '../transport/messages.js';
import { Sequencer } from './sequencer.js';

const long = 'w'.repeat(limits.keyBytesMax);
const none = new Uint8Array(0);
const noHistory = { keyspaceId: none, position: 0, hash: Buffer.alloc(32), seenEpoch: 0, seenPosition: 0 };

/** Reads and writes a key of the longest: of those that know of no other only the first commits. */
function writeOf(id: TransactionId): Submission {
  const writeSet = encodeWriteSet({
    id,
    contentHash: contentHashOf([id]),
    isolation: 'serializable',
    snapshot: seqno(0),
    mutations: [set(long)],
  });
  const reads = { readKeys: [keyToBytes(keyFromText(long))], readRanges: [], checkKeys: [] };
  return { writeSet, ...reads, retry: false, resolveId: none, resolveAs: none };
}

it('as many aborts as a node may wait for, with the longest keys in one batch, reach it', async () => {
  const { store } = await begun();
  const runtime = createSystemRuntime(silentLogger);
  const [atSequencer, atNode] = createLoopbackPair(runtime.timers);
  const sequencer = new Sequencer({
    keyspace: keyspaceName('default'),
    self: nodeId('home'),
    nodes: [nodeId('east')],
    log: new EmbeddedLog(store, runtime),
    store,
    transport: {
      open: () => atSequencer,
      accept: () => {},
      start: () => Promise.resolve(),
      stop: () => Promise.resolve(),
    },
    runtime,
    warmIndex: () => {
      const bounds = { transactionsMax: 10, keysMax: 10, deletedRangesMax: 10 };
      return Promise.resolve(new CertificationIndex(bounds, seqno(0)));
    },
    compare: 'reachable',
    obstacle: () => undefined,
    clockCompared: () => true,
    retention: defaultRetention,
  });
  const verdicts: Verdict[] = [];
  atNode.onMessage((bytes) => {
    const message = decodeCertifyFromSequencer(bytes);
    if (message.type === 'verdicts') verdicts.push(...message.verdicts);
  });
  sequencer.start();
  atNode.send(encodeCertifyFromNode({ type: 'hello', node: nodeId('east'), ...noHistory }));
  await eventually(() => sequencer.state.kind === 'serving');
  const { position } = store.head;
  const nowMs = runtime.clock.nowMs();
  const asked = Array.from({ length: limits.submissionsMax }, (_, n) => writeOf(idAt(nowMs, n)));
  const perMessage = 500;
  for (let at = 0; at < asked.length; at += perMessage)
    atNode.send(
      encodeCertifyFromNode({ type: 'submissions', submissions: asked.slice(at, at + perMessage) }),
    );
  await eventually(() => verdicts.length === limits.submissionsMax - 1);
  expect(new Set(verdicts.map(({ code }) => code))).toEqual(new Set(['CERTIFICATION_CONFLICT']));
  // One batch: nothing but the commit that all of them conflict with was written.
  expect(store.head.position).toBe(position + 1);
  await sequencer.stop();
  await store.close();
});
