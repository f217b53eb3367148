import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import {
  EtcdError,
  type EtcdCompare,
  type EtcdKeyValue,
  type EtcdKv,
  type EtcdOperation,
  type EtcdTxn,
} from '../../src/ordering/etcd/etcd-kv.js';
import { EtcdModel } from '../support/etcd-model.js';
import { RealEtcd } from '../support/real-etcd.js';

const etcd = await RealEtcd.start();
const real = etcd.client();
await etcd.ready(real);
afterAll(async () => {
  real.close();
  await etcd.stop();
});

/** Keys, revisions and leases as a script names them: revisions count from the script's beginning, leases by their number. */
type Step =
  | { readonly do: 'txn'; readonly txn: ScriptTxn }
  | { readonly do: 'grant' }
  | { readonly do: 'revoke' | 'keep-alive'; readonly lease: number }
  | { readonly do: 'compact'; readonly back: number };

interface ScriptTxn {
  readonly compare: readonly EtcdCompare[];
  readonly success: readonly ScriptOperation[];
  readonly failure: readonly ScriptOperation[];
}

type ScriptOperation =
  | {
      readonly put: {
        readonly key: Buffer;
        readonly value: Buffer;
        readonly leaseNumber: number | undefined;
      };
    }
  | Exclude<EtcdOperation, { readonly put: unknown }>;

const keyArbitrary = fc.constantFrom('a', 'b', 'b\0', 'c', 'd').map((text) => Buffer.from(text));
const rangeArbitrary = fc.record({
  key: keyArbitrary,
  end: fc.option(fc.oneof(keyArbitrary, fc.constant(Buffer.from('z'))), { nil: undefined }),
});
const compareArbitrary: fc.Arbitrary<EtcdCompare> = fc.record({
  key: keyArbitrary,
  revision: fc.constantFrom('create' as const, 'mod' as const),
  is: fc.constantFrom('=' as const, '>' as const, '<' as const),
  than: fc.nat({ max: 12 }),
});
const operationArbitrary: fc.Arbitrary<ScriptOperation> = fc.oneof(
  fc.record({
    put: fc.record({
      key: keyArbitrary,
      value: fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
      leaseNumber: fc.option(fc.nat({ max: 2 }), { nil: undefined, freq: 3 }),
    }),
  }),
  rangeArbitrary.chain((range) =>
    fc
      .record({ limit: fc.nat({ max: 3 }), keysOnly: fc.boolean() })
      .map((more) => ({ range: { ...range, ...more } })),
  ),
  rangeArbitrary.map((range) => ({ delete: range })),
);
const operations = fc.array(operationArbitrary, { maxLength: 4 });
const leaseNumber = fc.nat({ max: 2 });
const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('txn' as const),
      txn: fc.record({
        compare: fc.array(compareArbitrary, { maxLength: 2 }),
        success: operations,
        failure: operations,
      }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'grant' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('revoke' as const, 'keep-alive' as const),
      lease: leaseNumber,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('compact' as const), back: fc.nat({ max: 6 }) }) },
);

/** Plays a script against one etcd, under a prefix of its own, and says what a caller sees. */
class Player {
  readonly #kv: EtcdKv;
  readonly #prefix: Buffer;
  readonly #leases: string[] = [];
  #base = 0;

  constructor(kv: EtcdKv, prefix: string) {
    this.#kv = kv;
    this.#prefix = Buffer.from(prefix);
  }

  async play(script: readonly Step[]): Promise<unknown[]> {
    const answers: unknown[] = [];
    this.#base = (await this.#kv.txn({ compare: [], success: [], failure: [] })).revision;
    for (const step of script) answers.push(await this.#step(step).catch(refusal));
    const { results } = await this.#kv.txn({
      compare: [],
      success: [{ range: { key: this.#key(Buffer.from('a')), end: this.#key(Buffer.from('z')) } }],
      failure: [],
    });
    return [...answers, results[0]!.map((found) => this.#seen(found))];
  }

  async #step(step: Step): Promise<unknown> {
    switch (step.do) {
      case 'grant': {
        const { id, ttlMs } = await this.#kv.grantLease(3600_000);
        this.#leases.push(id);
        return ttlMs;
      }
      case 'revoke':
        return this.#kv.revokeLease(this.#lease(step.lease));
      case 'keep-alive':
        return this.#kv.keepAlive(this.#lease(step.lease));
      case 'compact': {
        const { revision } = await this.#kv.txn({ compare: [], success: [], failure: [] });
        return this.#kv.compact(Math.max(1, revision - step.back));
      }
      case 'txn': {
        const { succeeded, revision, results } = await this.#kv.txn(this.#txn(step.txn));
        const seen = results.map((found) => found?.map((one) => this.#seen(one)));
        return { succeeded, revision: revision - this.#base, seen };
      }
    }
  }

  #txn({ compare, success, failure }: ScriptTxn): EtcdTxn {
    return {
      compare: compare.map((one) => ({
        ...one,
        key: this.#key(one.key),
        than: one.than === 0 ? 0 : this.#base + one.than,
      })),
      success: success.map((one) => this.#operation(one)),
      failure: failure.map((one) => this.#operation(one)),
    };
  }

  #operation(operation: ScriptOperation): EtcdOperation {
    if ('put' in operation) {
      const { key, value, leaseNumber: number } = operation.put;
      const lease = number === undefined ? undefined : this.#lease(number);
      return { put: { key: this.#key(key), value, lease } };
    }
    if ('range' in operation) return { range: { ...operation.range, ...this.#between(operation.range) } };
    return { delete: this.#between(operation.delete) };
  }

  #between({ key, end }: { readonly key: Buffer; readonly end?: Buffer | undefined }) {
    return { key: this.#key(key), end: end === undefined ? undefined : this.#key(end) };
  }

  #key(key: Buffer): Buffer {
    return Buffer.concat([this.#prefix, key]);
  }

  /** One that was never granted is one that no etcd knows. */
  #lease(number: number): string {
    return this.#leases[number] ?? '4711';
  }

  #seen({ key, value, createRevision, modRevision, lease }: EtcdKeyValue): object {
    return {
      key: key.subarray(this.#prefix.length).toString('latin1'),
      value: value.toString('hex'),
      createRevision: createRevision - this.#base,
      modRevision: modRevision - this.#base,
      lease: lease === '0' ? undefined : this.#leases.indexOf(lease),
    };
  }
}

function refusal(error: unknown): string {
  if (!(error instanceof EtcdError)) throw error;
  return `${error.problem}: ${error.message.replace(/^(etcd|etcdserver): /, '')}`;
}

it('answers random transactions and leases as etcd does', async () => {
  const model = new EtcdModel();
  await fc.assert(
    fc.asyncProperty(fc.array(stepArbitrary, { minLength: 1, maxLength: 12 }), async (script) => {
      const prefix = `/model/${randomUUID()}/`;
      const [ofModel, ofEtcd] = await Promise.all([
        new Player(model.client(), prefix).play(script),
        new Player(real, prefix).play(script),
      ]);
      expect(ofModel).toEqual(ofEtcd);
    }),
    { numRuns: 150 },
  );
});
