import Type, { type Static } from 'typebox';
import { limits } from '../../model/limits.js';
import { errorCodes } from '../errors.js';

/** The shapes that several resources share. What a schema cannot say (exactly one of two fields) the readers judge. */
const strict = { additionalProperties: false } as const;

export const isolationWord = Type.Enum(['serializable', 'snapshot'], {
  description: 'Fixed for the whole transaction. Default: serializable.',
});
const versionNumber = Type.Integer({ minimum: 1, description: 'The seqno that last wrote the key.' });
export const gtidText = Type.String({ description: 'A GTID: <keyspace uuid>:<seqno>.' });
export const transactionIdText = Type.String({ description: 'A UUIDv7.' });
const keyText = Type.String({ description: 'A key that is UTF-8.' });
const keyBase64Text = Type.String({ description: 'A key of any bytes, as base64 or base64url.' });
export const causalFlag = Type.Boolean({
  description: 'See everything that was committed before the request began.',
});
export const causalTimeout = Type.Integer({
  minimum: 1,
  maximum: limits.causalTimeoutMsMax,
  description: `How long to wait for what the read has to see. Default: ${limits.causalTimeoutMsDefault} ms.`,
});
export const ttlSeconds = Type.Integer({
  minimum: 1,
  maximum: limits.ttlMsMax / 1000,
  description: 'Seconds until the key expires.',
});
export const listLimit = Type.Integer({
  minimum: 1,
  maximum: limits.listEntriesMax,
  description: `Entries of one page. Default: ${limits.listEntriesDefault}.`,
});
export const encodingWord = Type.Enum(['json', 'base64'], {
  description: 'base64: all values as base64, byte for byte. Default: json.',
});
/** An int64: a number, or a decimal string beyond 2^53. */
export const int64 = Type.Unsafe<number | string>({
  type: ['integer', 'string'],
  description: 'An int64; beyond 2^53 a decimal string.',
});

const keyProperties = { key: Type.Optional(keyText), keyBase64: Type.Optional(keyBase64Text) };
export const rangeProperties = {
  prefix: Type.Optional(Type.String()),
  prefixBase64: Type.Optional(Type.String()),
  start: Type.Optional(Type.String({ description: 'Inclusive.' })),
  startBase64: Type.Optional(Type.String()),
  end: Type.Optional(Type.String({ description: 'Exclusive.' })),
  endBase64: Type.Optional(Type.String()),
};

const valueProperties = {
  value: Type.Optional(Type.Unknown({ description: 'Any JSON; kept as application/json.' })),
  base64: Type.Optional(Type.String()),
  contentType: Type.Optional(Type.String({ maxLength: limits.contentTypeBytesMax })),
};

const setSchema = Type.Object(
  { ...keyProperties, ...valueProperties, ttl: Type.Optional(ttlSeconds) },
  strict,
);
const sumSchema = Type.Object({ ...keyProperties, by: int64, ttl: Type.Optional(ttlSeconds) }, strict);
const extremeSchema = Type.Object({ ...keyProperties, value: int64, ttl: Type.Optional(ttlSeconds) }, strict);

export const mutationSchema = Type.Object(
  {
    set: Type.Optional(setSchema),
    delete: Type.Optional(Type.Object(keyProperties, strict)),
    deleteRange: Type.Optional(Type.Object(rangeProperties, strict)),
    sum: Type.Optional(sumSchema),
    min: Type.Optional(extremeSchema),
    max: Type.Optional(extremeSchema),
  },
  { ...strict, minProperties: 1, maxProperties: 1, description: 'Exactly one of its members.' },
);
export type MutationFields = Static<typeof mutationSchema>;

export const checkSchema = Type.Object(
  {
    ...keyProperties,
    version: Type.Optional(versionNumber),
    absent: Type.Optional(Type.Literal(true)),
    present: Type.Optional(Type.Literal(true)),
  },
  { ...strict, description: 'The key is at the version, absent, or present at any version.' },
);
export type CheckFields = Static<typeof checkSchema>;

export const readSchema = Type.Object(
  {
    ...keyProperties,
    ...rangeProperties,
    limit: Type.Optional(listLimit),
    reverse: Type.Optional(Type.Boolean()),
  },
  { ...strict, description: 'A key, a prefix, or a range with start, end or both.' },
);
export type ReadFields = Static<typeof readSchema>;

const open = { additionalProperties: false } as const;

export const entrySchema = Type.Object(
  {
    key: Type.Optional(Type.String()),
    keyBase64: Type.Optional(Type.String({ description: 'In place of key when it is not UTF-8.' })),
    version: Type.Integer({
      minimum: 0,
      description: 'The seqno that last wrote the key; 0: the transaction that reads it.',
    }),
    kind: Type.Optional(Type.Literal('counter')),
    value: Type.Optional(Type.Unknown()),
    base64: Type.Optional(Type.String()),
    contentType: Type.Optional(Type.String()),
    expiresAtMs: Type.Optional(Type.Integer()),
  },
  open,
);

export const pageSchema = Type.Object(
  {
    entries: Type.Array(entrySchema),
    cursor: Type.Optional(Type.String({ description: 'Goes on after this page; absent on the last.' })),
  },
  open,
);

export const resultsSchema = Type.Array(Type.Union([int64, Type.Null()]), {
  description: 'Per mutation: the counter after an atomic one, else null.',
});

export const writtenSchema = Type.Object(
  { transactionId: transactionIdText, gtid: gtidText, version: Type.Integer({ minimum: 0 }) },
  open,
);

export const committedSchema = Type.Object({ ...writtenSchema.properties, results: resultsSchema }, open);

export const conflictSchema = Type.Object({ key: Type.String(), gtid: gtidText }, open);

export const problemSchema = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'For people; its wording may change.' }),
    code: Type.Enum([...errorCodes]),
    retryable: Type.Boolean(),
    retry: Type.Enum(['no', 'new-snapshot', 'same-id', 'later', 'after-delay', 'elsewhere', 'yes']),
    outcome: Type.Enum(['not-committed', 'committed', 'unknown'], {
      description: 'Of the transaction id that the request is about.',
    }),
  },
  { $id: 'Problem', additionalProperties: true, description: 'RFC 9457, with the fields of the code.' },
);

export const requestHeaders = {
  'Meridian-Causality': Type.Optional(Type.String({ description: 'A GTID: be at least this new.' })),
};
export const idempotencyHeader = {
  'Idempotency-Key': Type.Optional(
    Type.String({
      description: 'A UUIDv7: the transaction id of this write. The same id commits at most once.',
    }),
  ),
};
export const conditionHeaders = {
  'If-Match': Type.Optional(Type.String()),
  'If-None-Match': Type.Optional(Type.String()),
};
