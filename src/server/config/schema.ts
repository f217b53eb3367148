import Type from 'typebox';
import { limits } from '../../model/limits.js';
import { leaseMsMax, leaseMsMin, logLevels, logs, startCompares } from './config.js';

const described = (description: string) => ({ description });
const closed = (description: string) => ({ description, additionalProperties: false });

const name = (what: string) =>
  Type.String({
    pattern: '^[a-z][a-z0-9-]{0,62}$',
    ...described(`${what}: a lower-case letter, then up to 62 lower-case letters, digits, hyphens`),
  });
const address = Type.String(described('an address, host:port'));

const clusterNode = Type.Object(
  { id: name("a node's id"), http: address, peer: address },
  closed('a node: id, http, peer'),
);

const region = Type.Object(
  { nodes: Type.Array(clusterNode, { minItems: 1, ...described('a list of one or more nodes') }) },
  closed('a region: nodes'),
);

const keyspace = Type.Object(
  {
    home: Type.String(described('the name of a region')),
    node: Type.Optional(Type.String(described('the id of a node of the home region'))),
    log: Type.Optional(Type.Enum([...logs], described(logs.join(' or ')))),
  },
  closed('a keyspace: home, node, log'),
);

const bounded = (what: string, minimum: number, maximum: number) =>
  Type.Optional(
    Type.Number({ minimum, maximum, ...described(`${what}, from ${minimum} to ${maximum}; fractions too`) }),
  );
const retention = Type.Object(
  {
    entriesMiB: bounded('MiB of entries that a node keeps at most', 1, 1_048_576),
    entriesMiBMin: bounded('MiB of entries that a node keeps at least', 0, 1_048_576),
    entriesHours: bounded('hours that entries are kept at most', 0.01, 8760),
    outcomesMiB: bounded('MiB of outcomes that a node keeps at most', 1, 1_048_576),
    outcomesHours: bounded('hours that outcomes are kept at most', 0.01, limits.outcomesMsMax / 3_600_000),
    outcomesMinutesMin: bounded(
      'minutes that outcomes are kept at least',
      0.1,
      limits.outcomesMsMax / 60_000,
    ),
  },
  closed(
    'what is kept: entriesMiB, entriesMiBMin, entriesHours, outcomesMiB, outcomesHours, outcomesMinutesMin',
  ),
);
const checks = Type.Object(
  { everyMinutes: bounded('minutes between two consistency checks, 0 for never', 0, 10_080) },
  closed('consistency checks: everyMinutes'),
);

const endpoints = Type.Array(Type.String(described('http://host:port or https://host:port')), {
  minItems: 1,
  maxItems: 16,
  ...described('a list of 1 to 16 endpoints of etcd, http://host:port or https://host:port'),
});
const etcdCluster = Type.Object(
  {
    endpoints,
    prefix: Type.Optional(
      Type.String({
        pattern: '^(/[A-Za-z0-9._-]+)+$',
        maxLength: 200,
        ...described('what keys in etcd begin with, like /meridian, 200 characters at most'),
      }),
    ),
    leaseMs: Type.Optional(
      Type.Integer({
        minimum: leaseMsMin,
        maximum: leaseMsMax,
        ...described(`ms, a whole number from ${leaseMsMin} to ${leaseMsMax}`),
      }),
    ),
  },
  closed('the etcd that orders keyspaces: endpoints, prefix, leaseMs'),
);

const roundTrip = Type.Number({
  exclusiveMinimum: 0,
  maximum: 10_000,
  ...described('a round trip in ms, above 0 and at most 10000'),
});
const roundTrips = Type.Record(
  Type.String(),
  Type.Record(Type.String(), roundTrip, described('round trips to other regions: region: ms')),
  described('round trips from each region: region: {region: ms}'),
);

export const clusterSchema = Type.Object(
  {
    name: name("the cluster's name"),
    regions: Type.Record(Type.String(), region, { minProperties: 1, ...described('one or more regions') }),
    keyspaces: Type.Record(Type.String(), keyspace, {
      minProperties: 1,
      ...described('one or more keyspaces'),
    }),
    retention: Type.Optional(retention),
    checks: Type.Optional(checks),
    etcd: Type.Optional(etcdCluster),
    wan: Type.Optional(Type.Object({ roundTripMs: roundTrips }, closed('emulation of a WAN: roundTripMs'))),
  },
  closed('a cluster: name, regions, keyspaces, retention, checks, etcd, wan'),
);

const pemFile = (what: string) =>
  Type.String({ minLength: 1, ...described(`the path of a PEM file: ${what}`) });
const ca = pemFile('the authorities whose certificates are accepted');
const certificate = pemFile('a certificate, and those between it and its authority');
const key = pemFile('the key of the certificate');
const etcdAccess = Type.Object(
  {
    endpoints: Type.Optional(endpoints),
    ca: Type.Optional(ca),
    certificate: Type.Optional(certificate),
    key: Type.Optional(key),
    user: Type.Optional(Type.String({ minLength: 1, maxLength: 256, ...described("a user's name") })),
    passwordFile: Type.Optional(
      Type.String({ minLength: 1, ...described('the path of a file whose first line is the password') }),
    ),
  },
  closed('how etcd is spoken to: endpoints, ca, certificate, key, user, passwordFile'),
);

export const tokenPattern = '^[!-~]{16,256}$';
export const tokenRule = 'a token of 16 to 256 visible ASCII characters';
const tokenList = Type.Optional(
  Type.Array(Type.String({ pattern: tokenPattern, secret: true, ...described(tokenRule) }), {
    secret: true,
    ...described('a list of tokens'),
  }),
);

export const nodeSchema = Type.Object(
  {
    id: name("the node's id"),
    region: Type.String(described('the name of the region of the node')),
    http: Type.Object(
      {
        listen: address,
        tls: Type.Optional(Type.Object({ certificate, key }, closed('TLS of HTTP: certificate, key'))),
      },
      closed('where HTTP listens: listen, tls'),
    ),
    peer: Type.Object({ listen: address }, closed('where peers are listened for: listen')),
    dataDirectory: Type.String({ minLength: 1, ...described('the path of a directory') }),
    start: Type.Optional(
      Type.Object(
        { compare: Type.Optional(Type.Enum([...startCompares], described(startCompares.join(' or ')))) },
        closed('how the node starts: compare'),
      ),
    ),
    logLevel: Type.Optional(Type.Enum([...logLevels], described(`one of ${logLevels.join(', ')}`))),
    tls: Type.Optional(
      Type.Object({ ca, certificate, key }, closed('TLS between nodes: ca, certificate, key')),
    ),
    etcd: Type.Optional(etcdAccess),
    tokens: tokenList,
    adminTokens: tokenList,
  },
  closed('a node: id, region, http, peer, dataDirectory, start, logLevel, tls, etcd, tokens, adminTokens'),
);
