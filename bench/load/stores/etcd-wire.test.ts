import { parse } from 'protobufjs';
import { expect, it } from 'vitest';
import {
  compareModRevision,
  putRequest,
  rangeItem,
  rangeRequest,
  txnRequest,
  txnSucceeded,
} from './etcd-wire.js';

/** The fields of etcd's rpc.proto and kv.proto that the load uses. */
const { root } = parse(`
  syntax = "proto3";
  message Put { bytes key = 1; bytes value = 2; }
  message Range { bytes key = 1; bool serializable = 7; }
  message Compare { int32 result = 1; int32 target = 2; bytes key = 3; int64 mod_revision = 6; }
  message Operation { Range range = 1; Put put = 2; }
  message Txn { repeated Compare compare = 1; repeated Operation success = 2; }
  message Item { bytes key = 1; int64 create_revision = 2; int64 mod_revision = 3; bytes value = 5; }
  message Header { uint64 cluster_id = 1; int64 revision = 3; }
  message RangeResponse { Header header = 1; repeated Item kvs = 2; int64 count = 4; }
  message TxnResponse { Header header = 1; bool succeeded = 2; }
`);
const decoded = (type: string, bytes: Buffer): unknown =>
  root.lookupType(type).toObject(root.lookupType(type).decode(bytes), { longs: Number, bytes: String });
const encoded = (type: string, fields: object): Buffer =>
  Buffer.from(root.lookupType(type).encode(root.lookupType(type).create(fields)).finish());
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const [key, value] = [Buffer.from('k'), Buffer.alloc(300, 'v')];

it('requests read as etcd reads them', () => {
  expect(decoded('Put', putRequest(key, value))).toEqual({
    key: base64('k'),
    value: value.toString('base64'),
  });
  expect(decoded('Range', rangeRequest(key, true))).toEqual({ key: base64('k'), serializable: true });
  expect(decoded('Range', rangeRequest(key, false))).toEqual({ key: base64('k') });
  const txn = txnRequest([compareModRevision(key, 2 ** 40 + 5)], [putRequest(key, Buffer.from('1'))]);
  expect(decoded('Txn', txn)).toEqual({
    compare: [{ result: 0, target: 2, key: base64('k'), modRevision: 2 ** 40 + 5 }],
    success: [{ put: { key: base64('k'), value: base64('1') } }],
  });
});

it('reads the answers that etcd writes', () => {
  const header = { clusterId: 1, revision: 7 };
  const kvs = [{ key, createRevision: 3, modRevision: 2 ** 33, value }];
  expect(rangeItem(encoded('RangeResponse', { header, kvs, count: 1 }))).toEqual({
    modRevision: 2 ** 33,
    value,
  });
  expect(rangeItem(encoded('RangeResponse', { header }))).toBeUndefined();
  expect(txnSucceeded(encoded('TxnResponse', { header, succeeded: true }))).toBe(true);
  expect(txnSucceeded(encoded('TxnResponse', { header, succeeded: false }))).toBe(false);
});
