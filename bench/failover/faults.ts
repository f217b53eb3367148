import { setTimeout as delay } from 'node:timers/promises';
import type { FailoverBed } from './bed.js';

/** What one round of a fault cost, ms. */
export interface Round {
  /** From the fault to the first acknowledgement of a commit that was sent after it. */
  readonly nextCommitMs: number;
  /** The longest time without an acknowledgement, from just before the fault until all is calm. */
  readonly gapMs: number;
}

const calmMs = 1000;

/**
 * SIGKILL of the node that orders `default`; the next commit is one through another region. Its machine refuses connections, so
 * the role is free at once, if it was not freed in that way within the last minute. Ends with the node back at work.
 */
export async function killSequencer(bed: FailoverBed): Promise<Round> {
  const round = await measured(bed, async () => void (await bed.home.kill()));
  await bed.home.start();
  await bed.atHome();
  await delay(calmMs);
  return round;
}

/** SIGSTOP of the node that orders `default`: it is silent, as when its machine is gone. Ends with the node back at work. */
export async function silenceSequencer(bed: FailoverBed): Promise<Round> {
  const round = await measured(bed, async () => bed.home.pause());
  bed.home.resume();
  await bed.atHome();
  await delay(calmMs);
  return round;
}

/** A node that has just handed over lets the others go first; this is longer. */
const settledMs = 4000;

/** SIGTERM of the node that orders `default`, and its return: two handovers, each with no fault in it. */
export async function handOver(bed: FailoverBed): Promise<{ readonly away: Round; readonly home: Round }> {
  await delay(settledMs);
  const away = await measured(bed, async () => void (await bed.home.stop()));
  await bed.home.start();
  await bed.synced();
  const home = await measured(bed, () => bed.atHome());
  return { away, home };
}

/** SIGKILL of etcd's leader. Ends with all members at work. */
export async function killEtcdLeader(bed: FailoverBed): Promise<Round> {
  const leader = await bed.etcdLeader();
  const round = await measured(bed, async () => void (await leader.kill()));
  await leader.start();
  await bed.atHome();
  await delay(calmMs);
  return round;
}

async function measured({ committer }: FailoverBed, fault: () => Promise<void>): Promise<Round> {
  const beganMs = performance.now();
  const [nextCommitMs] = await Promise.all([committer.firstAfter(beganMs), fault()]);
  await delay(calmMs);
  return { nextCommitMs, gapMs: committer.longestGap(beganMs, performance.now()) };
}
