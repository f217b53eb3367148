import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeCertifyFromNode,
  decodeCertifyFromSequencer,
  decodeEntriesFromFollower,
  decodeEntriesFromSource,
  decodeGossipMessage,
  decodeTransferFromDonor,
  decodeTransferFromJoiner,
  encodeCertifyFromNode,
  encodeCertifyFromSequencer,
  encodeEntriesFromFollower,
  encodeEntriesFromSource,
  encodeGossipMessage,
  encodeTransferFromDonor,
  encodeTransferFromJoiner,
  PeerMessageError,
  type CertifyFromNode,
  type CertifyFromSequencer,
  type EntriesFromFollower,
  type EntriesFromSource,
  type GossipMessage,
  type TransferFromDonor,
  type TransferFromJoiner,
  type Verdict,
} from './messages.js';

const uint64 = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const bytes = fc.uint8Array({ maxLength: 40 });
const uuid = fc.uint8Array({ minLength: 16, maxLength: 16 });
const uuidOrNone = fc.oneof(uuid, fc.constant(new Uint8Array(0)));
const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const flag = fc.boolean();
const type = <T extends string>(name: T): fc.Arbitrary<T> => fc.constant(name);

const verdict: fc.Arbitrary<Verdict> = fc.record({
  transactionId: uuid,
  kind: fc.constantFrom('committed', 'aborted', 'refused'),
  code: text,
  conflictKey: bytes,
  conflictSeqno: uint64,
  tombstone: flag,
  seqno: uint64,
  detail: text,
});

const certifyFromSequencer: fc.Arbitrary<CertifyFromSequencer> = fc.oneof(
  fc.record({
    type: type('welcome'),
    keyspace: text,
    keyspaceId: uuid,
    epoch: uint64,
    nonce: bytes,
    node: text,
    tailPosition: uint64,
    tailSeqno: uint64,
    tailHash: bytes,
  }),
  fc.record({ type: type('verdicts'), verdicts: fc.array(verdict, { maxLength: 4 }) }),
  fc.record({ type: type('tail'), request: uint64, position: uint64, seqno: uint64, refused: flag }),
  fc.record({
    type: type('heartbeat'),
    logTimeMs: uint64,
    wallMs: uint64,
    position: uint64,
    seqno: uint64,
    serving: flag,
    whyNot: text,
  }),
);

const submission = fc.record({
  writeSet: bytes,
  readKeys: fc.array(bytes, { maxLength: 4 }),
  readRanges: fc.array(fc.record({ start: bytes, end: bytes, unbounded: flag }), { maxLength: 3 }),
  checkKeys: fc.array(bytes, { maxLength: 4 }),
  retry: flag,
  resolveId: uuidOrNone,
  resolveAs: bytes,
});

const certifyFromNode: fc.Arbitrary<CertifyFromNode> = fc.oneof(
  fc.record({
    type: type('hello'),
    node: text,
    keyspaceId: uuidOrNone,
    position: uint64,
    hash: bytes,
    seenEpoch: uint64,
    seenPosition: uint64,
  }),
  fc.record({ type: type('submissions'), submissions: fc.array(submission, { maxLength: 4 }) }),
  fc.record({ type: type('tail'), request: uint64 }),
);

const entriesFromFollower: fc.Arbitrary<EntriesFromFollower> = fc.oneof(
  fc.record({
    type: type('hello'),
    keyspace: text,
    node: text,
    keyspaceId: uuidOrNone,
    nextPosition: uint64,
    hash: bytes,
  }),
  fc.record({ type: type('applied'), position: uint64, seqno: uint64 }),
);

const entriesFromSource: fc.Arbitrary<EntriesFromSource> = fc.oneof(
  fc.record({
    type: type('welcome'),
    keyspaceId: uuidOrNone,
    position: uint64,
    seqno: uint64,
    hash: bytes,
    refused: text,
  }),
  fc.record({ type: type('entries'), entries: fc.array(bytes, { maxLength: 5 }) }),
  fc.record({ type: type('heartbeat'), position: uint64, seqno: uint64, wallMs: uint64 }),
);

const gossipMessage: fc.Arbitrary<GossipMessage> = fc.oneof(
  fc.record({
    type: type('status'),
    node: text,
    region: text,
    wallMs: uint64,
    ping: uint64,
    limitsFingerprint: bytes,
    keyspaces: fc.array(
      fc.record({
        name: text,
        keyspaceId: uuidOrNone,
        state: text,
        position: uint64,
        seqno: uint64,
        hash: bytes,
        epoch: uint64,
        sequencing: flag,
        detail: text,
        checkMark: text,
        checkPosition: uint64,
        checkHash: bytes,
        seenPosition: uint64,
        restorable: flag,
      }),
      { maxLength: 3 },
    ),
  }),
  fc.record({ type: type('pong'), ping: uint64, wallMs: uint64 }),
);

const transferFromJoiner: fc.Arbitrary<TransferFromJoiner> = fc.oneof(
  fc.record({
    type: type('hello'),
    keyspace: text,
    node: text,
    keyspaceId: uuidOrNone,
    position: uint64,
    hash: bytes,
    transferId: uuidOrNone,
    chunks: uint64,
    lastKey: bytes,
  }),
  fc.record({ type: type('taken'), chunks: uint64, done: flag }),
);

const transferFromDonor: fc.Arbitrary<TransferFromDonor> = fc.oneof(
  fc.record({
    type: type('welcome'),
    transferId: uuidOrNone,
    keyspaceId: uuidOrNone,
    position: uint64,
    seqno: uint64,
    epoch: uint64,
    hash: bytes,
    nonce: bytes,
    logTimeMs: uint64,
    idFloorMs: uint64,
    replaced: fc.array(fc.record({ keyspaceId: uuid, position: uint64, seqno: uint64 }), { maxLength: 3 }),
    bytesEstimate: uint64,
    ownCopy: fc.constantFrom('none', 'prefix', 'different', 'unknown'),
    resumed: flag,
    refused: text,
  }),
  fc.record({ type: type('chunk'), number: uint64, rows: bytes, hash: bytes }),
  fc.record({ type: type('end'), chunks: uint64, rows: uint64, bytes: uint64 }),
);

/** Buffers and Uint8Arrays of the same bytes as equals. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return { hex: Buffer.from(value).toString('hex') };
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field)]));
}

interface Codec {
  readonly name: string;
  readonly message: fc.Arbitrary<unknown>;
  encode(message: unknown): Uint8Array;
  decode(encoded: Uint8Array): unknown;
}

function codec<M>(
  name: string,
  message: fc.Arbitrary<M>,
  encode: (message: M) => Uint8Array,
  decode: (encoded: Uint8Array) => M,
): Codec {
  return { name, message, encode: (value) => encode(value as M), decode };
}

const codecs: readonly Codec[] = [
  codec('CertifyFromSequencer', certifyFromSequencer, encodeCertifyFromSequencer, decodeCertifyFromSequencer),
  codec('CertifyFromNode', certifyFromNode, encodeCertifyFromNode, decodeCertifyFromNode),
  codec('EntriesFromFollower', entriesFromFollower, encodeEntriesFromFollower, decodeEntriesFromFollower),
  codec('EntriesFromSource', entriesFromSource, encodeEntriesFromSource, decodeEntriesFromSource),
  codec('GossipMessage', gossipMessage, encodeGossipMessage, decodeGossipMessage),
  codec('TransferFromJoiner', transferFromJoiner, encodeTransferFromJoiner, decodeTransferFromJoiner),
  codec('TransferFromDonor', transferFromDonor, encodeTransferFromDonor, decodeTransferFromDonor),
];

describe.each(codecs)('$name', ({ message, encode, decode }) => {
  test('every message comes back as it was', () => {
    fc.assert(
      fc.property(message, (value) => {
        expect(plain(decode(encode(value)))).toEqual(plain(value));
      }),
    );
  });

  test('a plain Uint8Array is decoded like a Buffer', () => {
    fc.assert(
      fc.property(message, (value) => {
        const encoded = encode(value);
        expect(plain(decode(new Uint8Array(encoded)))).toEqual(plain(decode(Buffer.from(encoded))));
      }),
    );
  });

  test('arbitrary and cut bytes give a message or a PeerMessageError, nothing else', () => {
    const damaged = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.tuple(message, fc.double({ min: 0, max: 1, noNaN: true })).map(([value, share]) => {
        const encoded = encode(value);
        return encoded.subarray(0, Math.floor(encoded.length * share));
      }),
    );
    fc.assert(
      fc.property(damaged, (encoded) => {
        try {
          decode(encoded);
        } catch (error) {
          expect(error).toBeInstanceOf(PeerMessageError);
        }
      }),
    );
  });

  test('an empty message is refused, as is one of a kind that this version does not know', () => {
    expect(() => decode(new Uint8Array(0))).toThrow(PeerMessageError);
    expect(() => decode(Uint8Array.of((15 << 3) | 2, 0))).toThrow(PeerMessageError);
  });
});

test('a number beyond 2^53 is refused instead of rounded', () => {
  const encoded = encodeEntriesFromFollower({ type: 'applied', position: 2 ** 53, seqno: 1 });
  expect(() => decodeEntriesFromFollower(encoded)).toThrow(/applied\.position/);
});

test('an id that has not 16 bytes is refused', () => {
  const shortId: Verdict = {
    transactionId: Uint8Array.of(1, 2, 3),
    kind: 'aborted',
    code: 'CERTIFICATION_CONFLICT',
    conflictKey: Uint8Array.of(1),
    conflictSeqno: 7,
    tombstone: false,
    seqno: 0,
    detail: '',
  };
  const encoded = encodeCertifyFromSequencer({ type: 'verdicts', verdicts: [shortId] });
  expect(() => decodeCertifyFromSequencer(encoded)).toThrow(PeerMessageError);
});

test('a verdict without a kind is refused', () => {
  const verdictWithIdOnly = [0x0a, 0x10, ...new Uint8Array(16)];
  const batch = [0x0a, verdictWithIdOnly.length, ...verdictWithIdOnly];
  expect(() => decodeCertifyFromSequencer(Uint8Array.of(0x12, batch.length, ...batch))).toThrow(/kind 0/);
});

test('a transfer welcome that does not judge the own copy is refused', () => {
  const welcomeWithRefusalOnly = [0x72, 1, 0x41];
  const encoded = Uint8Array.of(0x0a, welcomeWithRefusalOnly.length, ...welcomeWithRefusalOnly);
  expect(() => decodeTransferFromDonor(encoded)).toThrow(/own_copy is 0/);
});
