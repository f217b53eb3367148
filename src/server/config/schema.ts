import Type from 'typebox';
import { logLevels, startCompares } from './config.js';

const described = (description: string) => ({ description });
const closed = (description: string) => ({ description, additionalProperties: false });

const name = (what: string) =>
  Type.String({
    pattern: '^[a-z][a-z0-9-]{0,62}$',
    ...described(`${what}: a lower-case letter, then up to 62 lower-case letters, digits, hyphens`),
  });
const address = Type.String(described('an address, host:port'));
const logs = ['embedded', 'etcd'] as const;

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
    wan: Type.Optional(Type.Object({ roundTripMs: roundTrips }, closed('emulation of a WAN: roundTripMs'))),
  },
  closed('a cluster: name, regions, keyspaces, wan'),
);

const notYet = (what: string) =>
  Type.Optional(Type.Unsafe<undefined>({ not: {}, ...described(`left out: ${what}`) }));

export const nodeSchema = Type.Object(
  {
    id: name("the node's id"),
    region: Type.String(described('the name of the region of the node')),
    http: Type.Object({ listen: address }, closed('where HTTP listens: listen')),
    peer: Type.Object({ listen: address }, closed('where peers are listened for: listen')),
    dataDirectory: Type.String({ minLength: 1, ...described('the path of a directory') }),
    start: Type.Optional(
      Type.Object(
        { compare: Type.Optional(Type.Enum([...startCompares], described(startCompares.join(' or ')))) },
        closed('how the node starts: compare'),
      ),
    ),
    logLevel: Type.Optional(Type.Enum([...logLevels], described(`one of ${logLevels.join(', ')}`))),
    tls: notYet('TLS is not available in this version'),
    tokens: Type.Optional(
      Type.Array(
        Type.String({
          pattern: '^[!-~]{16,256}$',
          secret: true,
          ...described('a token of 16 to 256 visible ASCII characters'),
        }),
        { secret: true, ...described('a list of tokens') },
      ),
    ),
  },
  closed('a node: id, region, http, peer, dataDirectory, start, logLevel, tokens'),
);
