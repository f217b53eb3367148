import { expect, it } from 'vitest';
import { begun, keyspaceId, reopen } from '../../test/support/begun-store.js';
import { eventually } from '../../test/support/eventually.js';
import { mintKeyspaceId, nodeId, seqno, uuidToBytes } from '../model/ids.js';
import { silentLogger } from '../runtime/runtime.js';
import { createSystemRuntime } from '../runtime/system/runtime.js';
import { beginNewHistory } from '../storage/new-history.js';
import { createLoopbackPair } from '../transport/loopback.js';
import {
  decodeCertifyFromNode,
  encodeCertifyFromSequencer,
  type CertifyFromNode,
  type CertifyFromSequencer,
  type CertifyWelcome,
  type Submission,
} from '../transport/messages.js';
import type { PeerStream } from '../transport/peer-transport.js';
import { SequencerLink, type Tail } from './sequencer-link.js';

const runtime = createSystemRuntime(silentLogger);

/** A sequencer's end of a stream, played by the test. */
class Played {
  readonly said: CertifyFromNode[] = [];
  closed: string | undefined;
  readonly #stream: PeerStream;

  constructor(link: SequencerLink, epoch: number, node = 'home', history = keyspaceId) {
    const [opened, accepted] = createLoopbackPair(runtime.timers);
    this.#stream = opened;
    opened.onMessage((bytes) => void this.said.push(decodeCertifyFromNode(bytes)));
    opened.onClose((reason) => (this.closed = reason));
    const place = { tailPosition: 0, tailSeqno: 0, tailHash: Buffer.alloc(32) };
    const who = { keyspace: 'default', keyspaceId: uuidToBytes(history), nonce: Buffer.alloc(16), node };
    link.accept(accepted, { type: 'welcome', epoch, ...who, ...place } satisfies CertifyWelcome);
  }

  send(message: CertifyFromSequencer): void {
    this.#stream.send(encodeCertifyFromSequencer(message));
  }

  serves(serving: boolean, whyNot = ''): void {
    const place = { position: 0, seqno: 0, logTimeMs: 0, wallMs: 0 };
    this.send({ type: 'heartbeat', ...place, serving, whyNot });
  }

  submissions(): number {
    return this.said.flatMap((m) => (m.type === 'submissions' ? m.submissions : [])).length;
  }

  tails(): number[] {
    return this.said.flatMap((m) => (m.type === 'tail' ? [m.request] : []));
  }

  close(): void {
    this.#stream.close('gone');
  }
}

async function linked() {
  const { store } = await begun();
  const link = new SequencerLink(nodeId('east'), store, runtime);
  const told = { serving: 0, verdicts: 0 };
  link.listener = {
    onServing: () => void told.serving++,
    onNotServing: () => {},
    onVerdict: () => void told.verdicts++,
  };
  return { link, told };
}

const none = new Uint8Array(0);
const lists = { readKeys: [], readRanges: [], checkKeys: [] };
const submission = (bytes = 10): Submission => ({
  ...{ writeSet: new Uint8Array(bytes), ...lists, retry: false, resolveId: none, resolveAs: none },
});

it('answers a welcome with its place, and serves when the sequencer says so', async () => {
  const { link, told } = await linked();
  expect(link.status).toMatchObject({ serving: false, whyNot: 'no sequencer has connected to this node' });
  const sequencer = new Played(link, 1);
  await eventually(() =>
    expect(sequencer.said).toMatchObject([{ type: 'hello', node: 'east', position: 0 }]),
  );
  expect(link.serving).toBe(false);
  sequencer.serves(false, 'waiting for west');
  await eventually(() => expect(link.status.whyNot).toBe('waiting for west'));
  sequencer.serves(true);
  await eventually(() => link.serving);
  sequencer.serves(true);
  sequencer.serves(false, 'the log failed');
  await eventually(() => !link.serving);
  sequencer.serves(true);
  await eventually(() => link.serving);
  expect(told.serving).toBe(2);
});

it('a newer stream takes the place of the older: it is cut off until that one serves, then all is to be sent again', async () => {
  const { link, told } = await linked();
  const older = new Played(link, 1);
  older.serves(true);
  await eventually(() => link.serving);
  const newer = new Played(link, 2);
  expect(link.serving).toBe(false);
  await eventually(() => expect(older.closed).toMatch(/replaced/));
  newer.serves(true);
  await eventually(() => expect(told.serving).toBe(2));
  link.submit(submission());
  await eventually(() => expect(newer.submissions()).toBe(1));
  expect(older.submissions()).toBe(0);
});

it('what was not yet handed over when the stream went is dropped: the next one is for others to fill', async () => {
  const { link } = await linked();
  const older = new Played(link, 1);
  older.serves(true);
  await eventually(() => link.serving);
  link.submit(submission());
  const newer = new Played(link, 1);
  newer.serves(true);
  await eventually(() => link.serving);
  expect(newer.submissions()).toBe(0);
});

it('a sequencer of a lower epoch is told what was seen and sent away, and the one that was there stays', async () => {
  const { link } = await linked();
  const sequencer = new Played(link, 5);
  sequencer.serves(true);
  await eventually(() => link.serving);
  const stale = new Played(link, 4, 'west');
  await eventually(() => expect(stale.closed).toMatch(/epoch 5/));
  expect(stale.said).toMatchObject([{ type: 'hello', seenEpoch: 5 }]);
  expect(link.status).toMatchObject({ serving: true, sequencer: 'home', epoch: 5 });
  expect(sequencer.closed).toBeUndefined();
});

it('a sequencer of another history is told what this node holds, and nothing is submitted to it', async () => {
  const { link, told } = await linked();
  const foreign = new Played(link, 9, 'home', mintKeyspaceId(Buffer.alloc(16, 9)));
  foreign.serves(true);
  await eventually(() => expect(link.status.whyNot).toMatch(/another history/));
  expect(foreign.said).toMatchObject([{ type: 'hello', keyspaceId: uuidToBytes(keyspaceId), seenEpoch: 0 }]);
  expect(foreign.closed).toBeUndefined();
  const own = new Played(link, 1);
  own.serves(true);
  await eventually(() => link.serving);
  expect(told.serving).toBe(1);
});

it('a sequencer of a history that this one replaced is told so and sent away, and the one that was there stays', async () => {
  const { disk, store } = await begun();
  await store.close();
  const present = mintKeyspaceId(Buffer.alloc(16, 9));
  const beginning = { keyspaceId: present, keyspace: 'default', nonce: Buffer.alloc(16), nowMs: 5000 };
  await beginNewHistory(disk.open, { ...beginning, seqnoBase: seqno(1000) }, silentLogger);
  const link = new SequencerLink(nodeId('east'), await reopen(disk), runtime);
  const sequencer = new Played(link, 1, 'home', present);
  sequencer.serves(true);
  await eventually(() => link.serving);
  const halted = new Played(link, 9, 'west', keyspaceId);
  await eventually(() => expect(halted.closed).toMatch(/was replaced/));
  expect(halted.said).toMatchObject([{ type: 'hello', keyspaceId: uuidToBytes(present) }]);
  expect(link.status).toMatchObject({ serving: true, sequencer: 'home' });
  expect(sequencer.closed).toBeUndefined();
});

it('what a replaced stream still says counts no more', async () => {
  const { link, told } = await linked();
  const older = new Played(link, 1);
  older.serves(true);
  await eventually(() => link.serving);
  const verdict = {
    transactionId: Buffer.alloc(16),
    kind: 'refused',
    code: 'OVERLOADED',
    detail: '',
  } as const;
  const nothing = { conflictKey: none, conflictSeqno: 0, tombstone: false, seqno: 0 };
  older.send({ type: 'verdicts', verdicts: [{ ...verdict, ...nothing }] });
  const newer = new Played(link, 1);
  newer.serves(true);
  await eventually(() => link.serving);
  expect(told.verdicts).toBe(0);
});

it('large submissions of one turn travel in messages below the limit, in order', async () => {
  const { link } = await linked();
  const sequencer = new Played(link, 1);
  sequencer.serves(true);
  await eventually(() => link.serving);
  for (let n = 0; n < 6; n++) link.submit(submission(900_000 + n));
  await eventually(() => expect(sequencer.submissions()).toBe(6));
  const sizes = sequencer.said.flatMap((m) => (m.type === 'submissions' ? m.submissions : []));
  expect(sizes.map(({ writeSet }) => writeSet.length - 900_000)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(sequencer.closed).toBeUndefined();
});

it('a tail is the answer to its own request; without a stream, or when it goes, there is none', async () => {
  const { link } = await linked();
  expect(await link.askTail()).toBeUndefined();
  const sequencer = new Played(link, 1);
  sequencer.serves(true);
  await eventually(() => link.serving);
  const answers: (Tail | undefined)[] = [];
  const asked = [link.askTail(), link.askTail(), link.askTail()].map((tail, n) =>
    tail.then((told) => (answers[n] = told)),
  );
  await eventually(() => expect(sequencer.tails()).toHaveLength(3));
  const [first, second] = sequencer.tails() as [number, number];
  sequencer.send({ type: 'tail', request: second, position: 2, seqno: 2, refused: false });
  sequencer.send({ type: 'tail', request: first, position: 0, seqno: 0, refused: true });
  await Promise.all(asked.slice(0, 2));
  expect(answers[0]).toBeUndefined();
  expect(answers[1]).toMatchObject({ seqno: 2 });
  sequencer.close();
  expect(await asked[2]).toBeUndefined();
  expect(link.status.whyNot).toMatch(/closed/);
});
