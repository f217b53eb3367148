import { assertNever } from '../../src/model/assert.js';
import { EtcdError, type EtcdKv } from '../../src/ordering/etcd/etcd-kv.js';
import { EtcdCaller, type EtcdAnswer, type EtcdCall, type EtcdThrough } from './etcd-caller.js';

interface Rule {
  readonly isMeant: (call: EtcdCall) => boolean;
  readonly through: EtcdThrough;
}

/** A client of etcd to which a test does what networks do. A rule is for one call, the next that it is meant for. */
export class FaultyEtcd {
  readonly kv: EtcdKv;
  readonly calls: EtcdCall[] = [];
  #rules: Rule[] = [];

  constructor(kv: EtcdKv) {
    this.kv = new EtcdCaller((call) => {
      this.calls.push(call);
      const execute = (): Promise<EtcdAnswer> => executeOn(kv, call);
      const rule = this.#rules.find(({ isMeant }) => isMeant(call));
      if (rule === undefined) return execute();
      this.#rules = this.#rules.filter((other) => other !== rule);
      return rule.through(call, execute);
    });
  }

  next(isMeant: (call: EtcdCall) => boolean, through: EtcdThrough): void {
    this.#rules.push({ isMeant, through });
  }
}

function executeOn(kv: EtcdKv, call: EtcdCall): Promise<EtcdAnswer> {
  switch (call.kind) {
    case 'txn':
      return kv.txn(call.txn);
    case 'range':
      return kv.range(call.range);
    case 'grant':
      return kv.grantLease(call.ttlMs);
    case 'keep-alive':
      return kv.keepAlive(call.lease);
    case 'revoke':
      return kv.revokeLease(call.lease);
    case 'compact':
      return kv.compact(call.revision);
    default:
      return assertNever(call);
  }
}

/** A transaction that writes `key`. */
export const writing =
  (key: Buffer) =>
  (call: EtcdCall): boolean =>
    call.kind === 'txn' && call.txn.success.some((done) => 'put' in done && done.put.key.equals(key));

export const ofKind =
  (kind: EtcdCall['kind']) =>
  (call: EtcdCall): boolean =>
    call.kind === kind;

const unknown = (): EtcdError => new EtcdError('unknown', 'lost by the test');

export const loseRequest: EtcdThrough = async () => {
  throw unknown();
};

export const loseAnswer: EtcdThrough = async (_, execute) => {
  await execute();
  throw unknown();
};

export const answerNoSpace: EtcdThrough = async () => {
  throw new EtcdError('no-space', 'etcd: mvcc: database space exceeded');
};

/** Opens once, for all who wait. */
export class Gate {
  open!: () => void;
  readonly isOpen = new Promise<void>((resolve) => (this.open = resolve));
  /** Resolves when a call has come to the gate. */
  arrived!: () => void;
  readonly hasArrived = new Promise<void>((resolve) => (this.arrived = resolve));
}

/** The request waits at the gate. */
export const holdRequest =
  (gate: Gate): EtcdThrough =>
  async (_, execute) => {
    gate.arrived();
    await gate.isOpen;
    return execute();
  };

/** Executed at once; the answer waits at the gate. */
export const holdAnswer =
  (gate: Gate): EtcdThrough =>
  async (_, execute) => {
    const answer = await execute();
    gate.arrived();
    await gate.isOpen;
    return answer;
  };

/** No answer, and the request reaches etcd when the gate opens. `then` gets what it came to. */
export const comeLate =
  (gate: Gate, then: (answer: EtcdAnswer) => void): EtcdThrough =>
  (_, execute) => {
    void gate.isOpen.then(execute).then(then);
    return Promise.reject(unknown());
  };
