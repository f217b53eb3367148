import Type from 'typebox';
import { assertNever } from '../../model/assert.js';
import { fail, succeed, type JsonValue, type Result } from '../../model/errors.js';
import { gtid, type Gtid } from '../../model/gtid.js';
import type { TransactionId } from '../../model/ids.js';
import { describeKey } from '../../model/keys.js';
import type { KeyspaceService, NodeService, TransactionState } from '../../transaction/service.js';
import { minterFields } from '../minter.js';
import type { Answer } from './answers.js';
import { resultsJson } from './outcomes.js';
import { conflictSchema, gtidText, resultsSchema, transactionIdText } from './schemas.js';

export const stateSchema = Type.Object(
  {
    transactionId: transactionIdText,
    state: Type.Enum(['open', 'committed', 'aborted', 'unknown']),
    snapshot: Type.Optional(gtidText),
    gtid: Type.Optional(gtidText),
    version: Type.Optional(Type.Integer()),
    results: Type.Optional(resultsSchema),
    code: Type.Optional(Type.String({ description: 'Why it was aborted.' })),
    conflict: Type.Optional(conflictSchema),
    node: Type.Optional(Type.String({ description: 'The node that minted the id and may have it open.' })),
    address: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
);

export function answerState(
  node: NodeService,
  service: KeyspaceService,
  { id, state }: { readonly id: TransactionId; readonly state: TransactionState },
): Result<Answer> {
  const { uuid, applied, state: replica } = service.status();
  if (uuid === undefined) {
    return fail('NODE_NOT_READY', 'the keyspace has no history here', {
      outcome: 'unknown',
      details: { state: replica },
    });
  }
  const reached = gtid(uuid, applied);
  const { at = reached, fields } = describe(node, { id, state, history: uuid });
  return succeed({ gtid: at, body: JSON.stringify({ transactionId: id, state: state.state, ...fields }) });
}

interface Described {
  readonly at?: Gtid;
  readonly fields: Readonly<Record<string, JsonValue>>;
}

interface Stated {
  readonly id: TransactionId;
  readonly state: TransactionState;
  readonly history: Parameters<typeof gtid>[0];
}

function describe(node: NodeService, { id, state, history }: Stated): Described {
  switch (state.state) {
    case 'open':
      return { at: state.snapshot, fields: { snapshot: state.snapshot } };
    case 'committed': {
      const { gtid: at, seqno, results } = state;
      return { at, fields: { gtid: at, version: seqno, results: resultsJson(results) } };
    }
    case 'aborted': {
      const { code, conflict } = state;
      if (conflict === undefined) return { fields: { code } };
      const winner = gtid(history, conflict.winner);
      return { at: winner, fields: { code, conflict: { key: describeKey(conflict.key), gtid: winner } } };
    }
    case 'unknown':
      return { fields: minterFields(node, id) };
    default:
      return assertNever(state);
  }
}
