import type { Fence } from '../ordered-log.js';
import type { EtcdKeys } from './etcd-keys.js';
import type { EtcdKeyValue, EtcdOperation, EtcdTxn } from './etcd-kv.js';

/** What is in the log where an entry was to be, as one transaction saw it. */
export interface Slot {
  readonly present: EtcdKeyValue | undefined;
  readonly isPredecessorThere: boolean;
  /** The leader key's mod_revision; 0 when nobody leads. */
  readonly leader: number;
}

export type Judgement =
  | 'durable'
  | 'deposed'
  /** The role is held and the slot is free. */
  | 'free'
  /** The role is held, and what the entry follows is not in the log. */
  | 'no-predecessor';

/** The leader key's mod_revision when the role was taken. */
export function termRevision(fence: Fence): number {
  return fence.token as number;
}

/** Reads what decides about the entry at `position`. */
export function slotReads(keys: EtcdKeys, position: number): readonly EtcdOperation[] {
  return [
    { range: { key: keys.log(position) } },
    { range: { key: keys.leader, keysOnly: true } },
    { range: { key: keys.log(position - 1), keysOnly: true } },
  ];
}

/**
 * The append. It compares its predecessor, which guards every slot that was trimmed: a request that comes late would else be
 * written a second time, below the log.
 */
export function appendTxn(keys: EtcdKeys, fence: Fence, position: number, entry: Uint8Array): EtcdTxn {
  return {
    compare: [
      { key: keys.leader, revision: 'mod', is: '=', than: termRevision(fence) },
      { key: keys.log(position), revision: 'create', is: '=', than: 0 },
      { key: keys.log(position - 1), revision: 'create', is: '>', than: 0 },
    ],
    success: [{ put: { key: keys.log(position), value: entry } }],
    failure: slotReads(keys, position),
  };
}

/** The answer to `slotReads`. */
export function slotOf(results: readonly (readonly EtcdKeyValue[] | undefined)[]): Slot {
  const [present, leader, predecessor] = results;
  return {
    present: present?.[0],
    leader: leader?.[0]?.modRevision ?? 0,
    isPredecessorThere: predecessor?.[0] !== undefined,
  };
}

/** The order matters: what is in the slot says more than who leads now. */
export function judge(
  { present, leader, isPredecessorThere }: Slot,
  fence: Fence,
  entry: Uint8Array,
): Judgement {
  if (present !== undefined) return Buffer.compare(present.value, entry) === 0 ? 'durable' : 'deposed';
  if (leader !== termRevision(fence)) return 'deposed';
  return isPredecessorThere ? 'free' : 'no-predecessor';
}
