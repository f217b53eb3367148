import { vi } from 'vitest';
import { decodeEntryHeader, entryHash } from '../../../src/model/entry.js';
import { seqno, type LogPosition } from '../../../src/model/ids.js';
import {
  EtcdError,
  type EtcdKv,
  type EtcdTxn,
  type EtcdTxnAnswer,
} from '../../../src/ordering/etcd/etcd-kv.js';
import type { Fence, LogTail, OrderedLog } from '../../../src/ordering/ordered-log.js';
import { Candidate } from '../../../src/server/candidate.js';
import { partsOf } from '../world/etcd-keys.js';

/** The entry that a transaction appends; undefined when it appends none. */
function appended({ success }: EtcdTxn): Uint8Array | undefined {
  for (const one of success) if ('put' in one && partsOf(one.put.key)?.kind === 'log') return one.put.value;
  return undefined;
}

type Txn = (txn: EtcdTxn) => Promise<EtcdTxnAnswer>;

/** A client whose appends are others. */
function appending(kv: EtcdKv, append: (txn: EtcdTxn, real: Txn) => Promise<EtcdTxnAnswer>): EtcdKv {
  return {
    txn: (txn) => (appended(txn) === undefined ? kv.txn(txn) : append(txn, (changed) => kv.txn(changed))),
    range: (range) => kv.range(range),
    grantLease: (ttlMs) => kv.grantLease(ttlMs),
    keepAlive: (lease) => kv.keepAlive(lease),
    revokeLease: (lease) => kv.revokeLease(lease),
    compact: (revision) => kv.compact(revision),
    close: () => kv.close(),
  };
}

/** Of what an append compares, one thing is left out. */
export const comparingNot =
  (left: 'leader' | 'predecessor') =>
  (kv: EtcdKv): EtcdKv =>
    appending(kv, (txn, real) => {
      const isLeft = ({ key, is }: EtcdTxn['compare'][number]): boolean =>
        left === 'leader' ? partsOf(key)?.kind === 'leader' : is === '>';
      return real({ ...txn, compare: txn.compare.filter((one) => !isLeft(one)) });
    });

/** Whatever is in the slot is taken for one's own. */
export const takingAnySlotForOurs = (kv: EtcdKv): EtcdKv =>
  appending(kv, async (txn, real) => {
    const answer = await real(txn);
    const [slot, ...others] = answer.results;
    if (answer.succeeded || slot?.[0] === undefined) return answer;
    return { ...answer, results: [[{ ...slot[0], value: Buffer.from(appended(txn)!) }], ...others] };
  });

/** An append without an answer is taken for one that is in the log. */
export const takingSilenceForDurable = (kv: EtcdKv): EtcdKv =>
  appending(kv, (txn, real) =>
    real(txn).catch((error: unknown) => {
      if (!(error instanceof EtcdError) || error.problem !== 'unknown') throw error;
      return { succeeded: true, revision: 0, results: [] };
    }),
  );

function forwarding(log: OrderedLog): OrderedLog {
  return {
    lead: (...of) => log.lead(...of),
    resign: (fence) => log.resign(fence),
    append: (...of) => log.append(...of),
    read: (...of) => log.read(...of),
    oldest: () => log.oldest(),
    tail: (...of) => log.tail(...of),
    trim: (...of) => log.trim(...of),
    close: () => log.close(),
  };
}

/** Who has lost the role is not told so. */
export function tellingNobodyOfALostRole(log: OrderedLog): OrderedLog {
  return { ...forwarding(log), lead: (nonce, _, ...others) => log.lead(nonce, undefined, ...others) };
}

/** Who leads says where the log ends by what it has appended, without asking whether it still leads. */
export function tellingTheTailFromMemory(log: OrderedLog): OrderedLog {
  let known: LogTail | undefined;
  const forget = (): void => (known = undefined);
  return {
    ...forwarding(log),
    lead: (nonce, _, ...others) => {
      forget();
      return log.lead(nonce, undefined, ...others);
    },
    resign: (fence) => {
      forget();
      return log.resign(fence);
    },
    append: async (fence, position, bytes) => {
      const outcome = await log.append(fence, position, bytes);
      const { firstSeqno, count, epoch } = decodeEntryHeader(bytes);
      if (outcome === 'durable')
        known = { position, seqno: seqno(firstSeqno + count - 1), epoch, chainHash: entryHash(bytes) };
      return outcome;
    },
    tail: () => (known === undefined ? log.tail() : Promise.resolve(known)),
  };
}

/** An append is said to be durable when it is sent. */
export function sayingDurableAtOnce(log: OrderedLog): OrderedLog {
  let before: Promise<unknown> = Promise.resolve();
  return {
    ...forwarding(log),
    append: (fence: Fence, position, bytes) => {
      before = before.then(() => log.append(fence, position, bytes)).catch(() => undefined);
      return Promise.resolve('durable' as const);
    },
  };
}

/** Whatever nobody else holds may go, and all but the newest that was appended does. */
export function trimmingWhatNobodyHolds(): (log: OrderedLog) => OrderedLog {
  vi.spyOn(Candidate.prototype, 'heldPosition', 'get').mockReturnValue(Infinity);
  return (log) => {
    let newest: LogPosition | undefined;
    return {
      ...forwarding(log),
      append: (fence, position, bytes) => {
        newest = position;
        return log.append(fence, position, bytes);
      },
      trim: (fence, upTo) => log.trim(fence, newest ?? upTo),
    };
  };
}
