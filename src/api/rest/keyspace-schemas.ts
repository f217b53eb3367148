import Type from 'typebox';
import { joinPhases, replicaStates } from '../../transaction/service.js';

const strict = { additionalProperties: false } as const;
const timeMs = (description: string) =>
  Type.Integer({ description: `${description} ms since the Unix epoch.` });

const joinSchema = Type.Object(
  {
    by: Type.Enum(['entries', 'snapshot']),
    why: Type.String({ description: 'Why in this way.' }),
    donor: Type.Optional(Type.String({ description: 'The node that the copy or the entries come from.' })),
    phase: Type.Enum([...joinPhases]),
    bytes: Type.Integer({ description: 'Received.' }),
    bytesTotal: Type.Optional(Type.Integer({ description: 'Of all, as the donor estimates it.' })),
    bytesPerSecond: Type.Number({ description: 'Over the last seconds.' }),
    startedMs: timeMs('Wall clock.'),
    heldUpBy: Type.Optional(Type.String({ description: 'What it waits out before it tries again.' })),
  },
  {
    ...strict,
    description: 'How this node came, or comes, to its copy; absent when it had it at its start.',
  },
);

const keptSchema = Type.Object(
  {
    oldestPosition: Type.Integer({ description: 'The oldest log entry that is kept.' }),
    entriesBytes: Type.Integer(),
    outcomes: Type.Integer(),
    outcomesBytes: Type.Integer(),
    idFloorMs: timeMs('Ids made before it may have lost their outcome. Log time.'),
  },
  { ...strict, description: 'What is kept beside the data.' },
);

const checkSchema = Type.Object(
  {
    mark: Type.String(),
    position: Type.Integer(),
    seqno: Type.Integer(),
    verdict: Type.Enum(['running', 'equal', 'differs', 'incomplete']),
    detail: Type.String({ description: 'Which nodes agree, differ or are missing.' }),
    hash: Type.Optional(Type.String({ description: 'SHA-256, hexadecimal.' })),
    startedMs: timeMs('Wall clock.'),
  },
  { ...strict, description: 'The last consistency check that this node took part in.' },
);

export const keyspaceStatusSchema = Type.Object(
  {
    name: Type.String(),
    uuid: Type.Optional(Type.String({ description: 'Absent before its history begins.' })),
    home: Type.String(),
    log: Type.Enum(['embedded', 'etcd', 'memory']),
    epoch: Type.Integer(),
    sequencer: Type.Optional(
      Type.String({ description: 'The node that sequences, as far as this one knows.' }),
    ),
    state: Type.Enum([...replicaStates]),
    detail: Type.Optional(Type.String()),
    applied: Type.Integer({ description: 'The last seqno in this node.' }),
    tail: Type.Integer({ description: 'The last seqno of the log that this node knows of.' }),
    position: Type.Integer({ description: 'The last log entry in this node.' }),
    stalenessMs: Type.Optional(
      Type.Number({ description: 'Since this node last heard from the sequencer.' }),
    ),
    writable: Type.Boolean(),
    join: Type.Optional(joinSchema),
    kept: Type.Optional(keptSchema),
    check: Type.Optional(checkSchema),
  },
  strict,
);
