import type { NodeId } from '../../model/ids.js';
import type { Runtime } from '../../runtime/runtime.js';
import type { Closing } from './closing.js';
import type { EtcdKeys } from './etcd-keys.js';
import { EtcdError, type EtcdKeyValue, type EtcdKv, type EtcdLease } from './etcd-kv.js';

export interface Elector {
  readonly kv: EtcdKv;
  readonly keys: EtcdKeys;
  readonly self: NodeId;
  readonly leaseMs: number;
  readonly runtime: Runtime;
  readonly closing: Closing;
  /** Does not run any more: a role that it holds is free. */
  readonly gone: NodeId | undefined;
}

export interface Election {
  /** The leader key's mod_revision. */
  readonly revision: number;
  readonly lease: EtcdLease;
  /** When the lease was asked for, monotonic ms. */
  readonly sentAtMs: number;
}

/** What the leader key holds. */
interface LeaderValue {
  readonly node: string;
  readonly nonce: string;
}

function encodeLeader(self: NodeId, nonce: Buffer): Buffer {
  const value: LeaderValue = { node: self, nonce: nonce.toString('hex') };
  return Buffer.from(JSON.stringify(value));
}

const noHistoryInEtcd =
  'no history in etcd: run meridian init; where nodes hold one, etcd has lost it: see meridian recover';

/** The node that the leader key names. */
export function holderOf(leader: EtcdKeyValue): string {
  try {
    return (JSON.parse(leader.value.toString()) as LeaderValue).node;
  } catch {
    return 'somebody who is not one of ours';
  }
}

/** Takes the leader key when it is free. `notNow` also when etcd does not answer or refuses; rejects with LogClosed. */
export async function elect(
  elector: Elector,
  nonce: Buffer,
): Promise<Election | { readonly notNow: string }> {
  const { kv, closing, leaseMs, runtime } = elector;
  try {
    const seat = await seatOf(elector);
    if ('notNow' in seat) return seat;
    const sentAtMs = runtime.clock.monotonicMs();
    const lease = await closing.until(kv.grantLease(leaseMs));
    const taken = await takeKey(elector, nonce, { seat, lease, sentAtMs }).catch((error: unknown) => {
      giveBack(elector, lease);
      throw error;
    });
    if (typeof taken === 'number') return { revision: taken, lease, sentAtMs };
    giveBack(elector, lease);
    return taken;
  } catch (error) {
    if (!(error instanceof EtcdError)) throw error;
    return { notNow: error.problem === 'no-space' ? fullMessage(error) : error.message };
  }
}

export function fullMessage(error: EtcdError): string {
  return `etcd has no room (${error.message}): compact and defragment it, or raise its quota, then disarm the alarm`;
}

/** The leader key as it must be when it is taken. */
interface Seat {
  /** 0: it is not there. Else it is held by who is gone. */
  readonly modRevision: number;
}

async function seatOf({ kv, keys, closing, gone }: Elector): Promise<Seat | { readonly notNow: string }> {
  const answer = await closing.until(
    kv.txn({
      compare: [],
      success: [
        { range: { key: keys.leader } },
        { range: { key: keys.genesis, keysOnly: true } },
        { range: { key: keys.logStart, end: keys.logEnd, limit: 1, keysOnly: true } },
      ],
      failure: [],
    }),
  );
  const [leaders, genesis, log] = answer.results;
  const leader = leaders?.[0];
  if (leader !== undefined && holderOf(leader) !== gone) return { notNow: `${holderOf(leader)} leads` };
  if (genesis?.[0] === undefined) return { notNow: noHistoryInEtcd };
  if (log?.[0] === undefined) return { notNow: emptyLog };
  return { modRevision: leader?.modRevision ?? 0 };
}

const emptyLog = 'the history has begun, but its log in etcd is empty: restore etcd, or recover the keyspace';

/** Asks until it knows, as long as the lease may last. A lost answer is told by the nonce in the key's value. */
async function takeKey(
  { kv, keys, self, runtime, closing }: Elector,
  nonce: Buffer,
  { seat, lease, sentAtMs }: { readonly seat: Seat; readonly lease: EtcdLease; readonly sentAtMs: number },
): Promise<number | { readonly notNow: string }> {
  const value = encodeLeader(self, nonce);
  const isOver = (): boolean => runtime.clock.monotonicMs() >= sentAtMs + lease.ttlMs;
  const { succeeded, revision, results } = await closing.decided(
    () =>
      kv.txn({
        compare: [{ key: keys.leader, revision: 'mod', is: '=', than: seat.modRevision }],
        success: [{ put: { key: keys.leader, value, lease: lease.id } }],
        failure: [{ range: { key: keys.leader } }],
      }),
    isOver,
  );
  if (succeeded) return revision;
  const leader = results[0]?.[0];
  if (leader?.value.equals(value) === true) return leader.modRevision;
  return { notNow: leader === undefined ? 'another was leading' : `${holderOf(leader)} leads` };
}

/** Without waiting, and whether or not it works: a lease that nobody keeps alive ends by itself. */
function giveBack({ kv }: Elector, lease: EtcdLease): void {
  kv.revokeLease(lease.id).catch(() => {});
}
