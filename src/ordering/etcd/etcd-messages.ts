import { assert } from '../../model/assert.js';
import type {
  EtcdCompare,
  EtcdKeyValue,
  EtcdOperation,
  EtcdRange,
  EtcdTxn,
  EtcdTxnAnswer,
} from './etcd-kv.js';

/** The messages of proto/etcd/rpc.proto as proto-loader gives and takes them; an int64 is a decimal string. */
interface KeyValueMessage {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly createRevision: string;
  readonly modRevision: string;
  readonly lease: string;
}

export interface HeaderMessage {
  readonly header: { readonly revision: string } | null;
}

export interface RangeAnswerMessage extends HeaderMessage {
  readonly kvs: readonly KeyValueMessage[];
}

export interface TxnAnswerMessage extends HeaderMessage {
  readonly succeeded: boolean;
  readonly responses: readonly { readonly responseRange?: RangeAnswerMessage | null }[];
}

const comparisons = { '=': 'EQUAL', '>': 'GREATER', '<': 'LESS' } as const;

function compareMessage({ key, revision, is, than }: EtcdCompare): object {
  const result = comparisons[is];
  return revision === 'create'
    ? { key, result, target: 'CREATE', createRevision: than }
    : { key, result, target: 'MOD', modRevision: than };
}

export function rangeMessage({ key, end, limit = 0, keysOnly = false }: EtcdRange): object {
  return { key, rangeEnd: end, limit, keysOnly };
}

function operationMessage(operation: EtcdOperation): object {
  if ('put' in operation) return { requestPut: operation.put };
  if ('range' in operation) return { requestRange: rangeMessage(operation.range) };
  return { requestDeleteRange: { key: operation.delete.key, rangeEnd: operation.delete.end } };
}

export function txnMessage({ compare, success, failure }: EtcdTxn): object {
  return {
    compare: compare.map(compareMessage),
    success: success.map(operationMessage),
    failure: failure.map(operationMessage),
  };
}

/** An int64 that is a number here; throws when it is not exact. */
export function exact(int64: string): number {
  const value = Number(int64);
  assert(Number.isSafeInteger(value), `etcd answered ${int64}, which is beyond 2^53`);
  return value;
}

export function keyValues({ kvs }: RangeAnswerMessage): readonly EtcdKeyValue[] {
  return kvs.map(({ key, value, createRevision, modRevision, lease }) => ({
    key,
    value,
    createRevision: exact(createRevision),
    modRevision: exact(modRevision),
    lease,
  }));
}

export function txnAnswer({ succeeded, header, responses }: TxnAnswerMessage): EtcdTxnAnswer {
  assert(header !== null, 'etcd answered a transaction without its revision');
  const results = responses.map(({ responseRange }) =>
    responseRange ? keyValues(responseRange) : undefined,
  );
  return { succeeded, revision: exact(header.revision), results };
}
