import type { Client } from '../../../src/client/index.js';
import type { Isolation } from '../../../src/model/write-set.js';
import type { Check, MutationRequest, ReadRequest } from '../../../src/transaction/service.js';
import type { Observed } from '../../simulation/workload/observed.js';
import { counterKey, type ChaosRun, type Keyspace, type Region } from './run.js';

export interface OneShot {
  readonly isolation: Isolation;
  readonly reads?: readonly ReadRequest[];
  readonly checks?: readonly Check[];
  readonly mutations: readonly MutationRequest[];
  readonly causal?: boolean;
}

export interface Place {
  readonly region: Region;
  readonly keyspace: Keyspace;
  /** The client of who works with the SDK; undefined: HTTP to the region's node. */
  readonly app?: Client | undefined;
}

/** The mutations that every transaction of the run carries: its marker, and one more on the counter of all. */
export function tracked(run: ChaosRun): {
  marker: ReturnType<ChaosRun['nextMarker']>;
  mutations: MutationRequest[];
} {
  const marker = run.nextMarker();
  const mutations: MutationRequest[] = [
    { kind: 'set', key: marker, bytes: Buffer.from('here'), contentType: 'text/plain', ttlMs: undefined },
    { kind: 'sum', key: counterKey, operand: 1n, ttlMs: undefined },
  ];
  return { marker, mutations };
}

export interface Interaction {
  readonly isolation: Isolation;
  readonly causal: boolean;
  readonly reads: readonly ReadRequest[];
  /** What to write, given what was read. */
  readonly decide: (seen: readonly Observed[]) => readonly MutationRequest[];
  /** Roll back instead of COMMIT, when all has been written. */
  readonly giveUp: boolean;
}
