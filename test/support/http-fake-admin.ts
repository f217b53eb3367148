import { succeed, type Failure, type Result } from '../../src/model/errors.js';
import {
  nodeId,
  parseKeyspaceId,
  seqno,
  type KeyspaceId,
  type KeyspaceName,
  type NodeId,
} from '../../src/model/ids.js';
import type {
  KeyspaceAdmin,
  KeyspaceStatus,
  RecoverOptions,
  Recovery,
  RecoveryPlan,
} from '../../src/transaction/service.js';

const oldHistory = parseKeyspaceId('0e7a3f62-6c1b-4d0e-9f6e-2b9f1c0d5a11') as KeyspaceId;
const newHistory = parseKeyspaceId('1e7a3f62-6c1b-4d0e-9f6e-2b9f1c0d5a11') as KeyspaceId;

/** What an operator can ask of a keyspace, for tests of the API's shapes: it notes what it was asked. */
export class FakeAdmin implements KeyspaceAdmin {
  readonly asked: (readonly [what: string, nodes?: readonly string[]])[] = [];
  readonly copies: string[] = [];
  /** When set, every operation but the status fails with it. */
  failure: Failure | undefined;
  plan: RecoveryPlan = {
    copies: [
      {
        node: nodeId('us-east-1'),
        uuid: undefined,
        position: -1,
        seqno: seqno(0),
        epoch: 0,
        state: 'damaged',
      },
      {
        node: nodeId('eu-west-1'),
        uuid: oldHistory,
        position: 41,
        seqno: seqno(40),
        epoch: 2,
        state: 'synced',
      },
    ],
    source: nodeId('eu-west-1'),
    seqno: seqno(40),
    unproven: { fromPosition: 42, toPosition: 43 },
    warnings: ['ap-south-1 was not asked'],
  };

  constructor(
    readonly name: KeyspaceName,
    readonly status: () => KeyspaceStatus,
  ) {}

  setAside(): Promise<readonly string[]> {
    return Promise.resolve([...this.copies]);
  }

  rejoin(): Promise<Result<{ readonly setAside: string | undefined }>> {
    this.asked.push(['rejoin']);
    if (this.failure !== undefined) return Promise.resolve({ ok: false, failure: this.failure });
    this.copies.push(`${this.name}.set-aside-20261122T054437Z`);
    return Promise.resolve(succeed({ setAside: this.copies.at(-1) }));
  }

  planRecovery({ without }: RecoverOptions): Promise<Result<RecoveryPlan>> {
    this.asked.push(['plan', without]);
    return Promise.resolve(this.#answer(this.plan));
  }

  recover({ without }: RecoverOptions): Promise<Result<Recovery>> {
    this.asked.push(['recover', without]);
    const begun = { uuidBefore: oldHistory, uuid: newHistory, seqnoBase: seqno(1_000_000_000) };
    return Promise.resolve(this.#answer({ ...this.plan, ...begun }));
  }

  check(): Promise<Result<{ readonly mark: string; readonly position: number }>> {
    this.asked.push(['check']);
    return Promise.resolve(this.#answer({ mark: 'us-east-1-7', position: 7 }));
  }

  forgetNode(node: NodeId): Promise<Result<{ readonly forgotten: NodeId }>> {
    this.asked.push(['forget', [node]]);
    return Promise.resolve(this.#answer({ forgotten: node }));
  }

  #answer<T>(value: T): Result<T> {
    return this.failure === undefined ? succeed(value) : { ok: false, failure: this.failure };
  }
}
