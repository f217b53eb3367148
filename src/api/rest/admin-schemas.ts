import Type from 'typebox';
import { keyspaceStatusSchema } from './keyspace-schemas.js';

const strict = { additionalProperties: false } as const;

export const adminStatusSchema = Type.Object(
  {
    node: Type.String({ description: 'The node that answers.' }),
    ...keyspaceStatusSchema.properties,
    setAside: Type.Array(Type.String(), {
      description: "Folders in the node's data directory with copies that were set aside, oldest first.",
    }),
  },
  strict,
);

export const rejoinSchema = Type.Object(
  {
    setAside: Type.Optional(
      Type.String({
        description: 'Where the copy is now; absent while it waits for the new one to take its place.',
      }),
    ),
  },
  strict,
);

export const checkBegunSchema = Type.Object({ mark: Type.String(), position: Type.Integer() }, strict);

export const forgottenSchema = Type.Object(
  { forgotten: Type.String({ description: 'The node that the log waits for no longer.' }) },
  strict,
);

const copySchema = Type.Object(
  {
    node: Type.String(),
    uuid: Type.Optional(Type.String({ description: 'Absent: it has no copy.' })),
    position: Type.Integer(),
    seqno: Type.Integer(),
    epoch: Type.Integer(),
    state: Type.String(),
  },
  strict,
);

export const planSchema = Type.Object(
  {
    copies: Type.Array(copySchema, { description: 'Of every node that was asked.' }),
    source: Type.Optional(Type.String({ description: 'The node of the most advanced copy.' })),
    seqno: Type.Integer({ description: 'The last of that copy.' }),
    unproven: Type.Optional(
      Type.Object(
        { fromPosition: Type.Integer(), toPosition: Type.Integer() },
        {
          ...strict,
          description:
            'Log entries that a node has seen and the source does not hold: what they committed is lost.',
        },
      ),
    ),
    warnings: Type.Array(Type.String()),
  },
  strict,
);

export const recoverySchema = Type.Object(
  {
    ...planSchema.properties,
    uuidBefore: Type.Optional(Type.String()),
    uuid: Type.String({ description: 'The new history.' }),
    seqnoBase: Type.Integer({ description: 'Its first seqno is above it.' }),
  },
  strict,
);
