import { vi } from 'vitest';
import { CertificationIndex } from '../../../src/certification/certification-index.js';
import { DeletedRanges } from '../../../src/certification/deleted-ranges.js';
import type { CertificationRequest } from '../../../src/certification/request.js';
import { succeed } from '../../../src/model/errors.js';
import { seqno } from '../../../src/model/ids.js';
import { keyToText } from '../../../src/model/keys.js';
import { SeqnoWaiters } from '../../../src/replica/seqno-waiters.js';
import { SequencerLink } from '../../../src/replica/sequencer-link.js';
import { TailReader } from '../../../src/replica/tail-reader.js';
import { LocalKeyspace } from '../../../src/transaction/keyspace-service.js';
import { PendingCommits } from '../../../src/transaction/pending-commits.js';
import { WriteBuffer } from '../../../src/transaction/write-buffer.js';
import { withoutSync } from '../../support/faulty-database.js';
import type { WrapPlace, Wraps } from '../world/wraps.js';
import {
  believingAnyAbort,
  feedsGoingOnAt,
  feedsOfOperands,
  retryingUnderNewIds,
  sendingNoTokens,
  settlingNothing,
} from './clients.js';
import {
  applyingTwice,
  databases,
  forgettingOutcomes,
  keepingOutcomesToTheFloor,
  goingOnAfterFailures,
  ignoringSnapshots,
  losingRecords,
} from './databases.js';
import {
  followingOverTrimmedEntries,
  forgettingTooEarly,
  givingNoOutcomes,
  keepingNothingAside,
  leadingWithAShorterLog,
  losingTheLastChunk,
  servingUnverifiedCopies,
  trimmingNothing,
} from './copies.js';
import {
  comparingNot,
  sayingDurableAtOnce,
  takingAnySlotForOurs,
  takingSilenceForDurable,
  tellingNobodyOfALostRole,
  tellingTheTailFromMemory,
  trimmingWhatNobodyHolds,
} from './etcd.js';
import { doomingAtCommit, judgingIdsByTheClock, withoutOrderInTheIndex } from './judging.js';
import { divert, followingAnything } from './modules.js';

/** What is broken on purpose, how, and which problem the check that is meant for it reports. */
export interface PlantedBug {
  readonly name: string;
  readonly caughtAs: RegExp;
  /** Plants it for the worlds to come, until mocks are restored. What it returns comes between parts of every node. */
  readonly plant: () => Wraps | undefined;
}

function bug(name: string, caughtAs: RegExp, plant: () => WrapPlace | void): PlantedBug {
  const wraps = (): Wraps | undefined => {
    const place = plant() ?? undefined;
    return place && { place };
  };
  return { name, caughtAs, plant: wraps };
}

/** Every index judges another request than it was asked. */
function judging(
  change: (request: CertificationRequest, index: CertificationIndex) => Partial<CertificationRequest>,
): void {
  const { certify, firstConflict } = CertificationIndex.prototype;
  vi.spyOn(CertificationIndex.prototype, 'certify').mockImplementation(function (
    this: CertificationIndex,
    request,
  ) {
    return certify.call(this, { ...request, ...change(request, this) });
  });
  vi.spyOn(CertificationIndex.prototype, 'firstConflict').mockImplementation(function (
    this: CertificationIndex,
    request,
  ) {
    return firstConflict.call(this, { ...request, ...change(request, this) });
  });
}

const certifying: readonly PlantedBug[] = [
  bug('the keys that were read are not certified', /^\w+: serializable .* at its place /, () =>
    judging(() => ({ readKeys: [] })),
  ),
  bug('the ranges that were read are not certified', /serializable .* at its place the range held/, () =>
    judging(() => ({ readRanges: [] })),
  ),
  bug(
    'ranges are compared as strings of UTF-16, not as bytes',
    /serializable .* at its place the range held/,
    () =>
      judging(({ readRanges }) => ({
        readRanges: readRanges.filter(
          ({ start, end }) => end === undefined || (keyToText(start) ?? '') < (keyToText(end) ?? ''),
        ),
      })),
  ),
  bug('checks are not certified', /the check of .* does not hold/, () => judging(() => ({ checkKeys: [] }))),
  bug('under snapshot isolation a later committer may win', /snapshot .* is overtaken by/, () =>
    judging(({ isolation, effects }) =>
      isolation === 'snapshot' ? { effects: effects.filter(({ kind }) => kind !== 'plain') } : {},
    ),
  ),
  bug('the snapshot is taken at COMMIT', /snapshot .* is overtaken by/, () =>
    judging(({ isolation, snapshot }, index) =>
      isolation === 'snapshot' && snapshot !== undefined ? { snapshot: index.last } : {},
    ),
  ),
  bug('a counter is added to what is none any more', /its (sum|min|max) is overtaken by/, () =>
    judging(({ effects }) => ({ effects: effects.filter(({ kind }) => kind !== 'atomic') })),
  ),
  bug('deleted ranges are not remembered', /at its place .* held|is overtaken by the deleteRange/, () => {
    vi.spyOn(DeletedRanges.prototype, 'add').mockImplementation(() => undefined);
  }),
  bug('what is below the floor is certified', /at its place|is overtaken by/, () => {
    const { certify } = CertificationIndex.prototype;
    vi.spyOn(CertificationIndex.prototype, 'certify').mockImplementation(function (
      this: CertificationIndex,
      request,
    ) {
      const verdict = certify.call(this, request);
      return verdict.kind === 'snapshot-too-old' ? { kind: 'commit' } : verdict;
    });
  }),
];

const reading: readonly PlantedBug[] = [
  bug('a causal read is answered from the tail last heard of', /, causally, when \d+ was known/, () => {
    vi.spyOn(SequencerLink.prototype, 'askTail').mockImplementation(function (this: SequencerLink) {
      return Promise.resolve(this.status.tail);
    });
  }),
  bug('a causal read shares a tail asked for before it came', /, causally, when \d+ was known/, () => {
    const { read } = TailReader.prototype;
    const shared = new WeakMap<TailReader, ReturnType<TailReader['read']>>();
    vi.spyOn(TailReader.prototype, 'read').mockImplementation(function (this: TailReader) {
      const earlier = shared.get(this);
      if (earlier !== undefined) return earlier;
      const asked = read.call(this);
      if (asked === 'full') return asked;
      shared.set(this, asked);
      void asked.then(() => shared.delete(this));
      return asked;
    });
  }),
  bug('a causality token is not waited for', / reads at \d+ with the token /, () => {
    vi.spyOn(SeqnoWaiters.prototype, 'wait').mockImplementation(() => true);
  }),
  bug('reads do not keep to their snapshot', / at its snapshot \d+ | a read at \d+: /, () =>
    databases(ignoringSnapshots),
  ),
  bug('a transaction does not see its own writes', / wrote bytes .* and reads /, () => {
    vi.spyOn(WriteBuffer.prototype, 'overlay').mockImplementation((_, base) => base);
  }),
];

const outcomes: readonly PlantedBug[] = [
  bug('outcomes of ids are forgotten', / has two outcomes/, () => databases(forgettingOutcomes)),
  bug(
    'a retry is taken for a first attempt: its abort needs no tombstone',
    / was said not to be committed /,
    () => {
      const { transact } = LocalKeyspace.prototype;
      vi.spyOn(LocalKeyspace.prototype, 'transact').mockImplementation(function (
        this: LocalKeyspace,
        request,
      ) {
        return transact.call(this, { ...request, mayBeRetry: false });
      });
    },
  ),
  bug('a COMMIT whose outcome is unknown is told as not committed', / was said not to be committed /, () => {
    const { transact } = LocalKeyspace.prototype;
    vi.spyOn(LocalKeyspace.prototype, 'transact').mockImplementation(async function (
      this: LocalKeyspace,
      request,
    ) {
      const answer = await transact.call(this, request);
      if (answer.ok || answer.failure.code !== 'COMMIT_OUTCOME_UNKNOWN') return answer;
      return { ok: false, failure: { ...answer.failure, outcome: 'not-committed' } };
    });
  }),
  bug('a rollback of an id that is not open here asks nobody', / was said not to be committed /, () => {
    const { rollback } = LocalKeyspace.prototype;
    vi.spyOn(LocalKeyspace.prototype, 'rollback').mockImplementation(async function (
      this: LocalKeyspace,
      id,
    ) {
      const { state } = this.transactionState(id);
      if (state !== 'unknown') return rollback.call(this, id);
      return succeed({ state: 'aborted', code: 'TRANSACTION_ABORTED', conflict: undefined });
    });
  }),
  bug('a COMMIT that was sent is still doomed by what is applied', / was said not to be committed /, () =>
    doomingAtCommit(),
  ),
  bug("an id's age is judged by a node's clock, not in log time", / has two outcomes/, () => {
    judgingIdsByTheClock();
    return databases(keepingOutcomesToTheFloor);
  }),
  bug('nobody submits again to a new sequencer', /no submission is pending|knows its outcomes/, () => {
    vi.spyOn(PendingCommits.prototype, 'onServing').mockImplementation(() => undefined);
  }),
];

const storing: readonly PlantedBug[] = [
  bug('commits are acknowledged before they are synced', / was acknowledged at .* is not in the log/, () =>
    databases(withoutSync),
  ),
  bug('what is applied after an opening is applied twice', /the regions differ/, () =>
    databases(applyingTwice),
  ),
  bug('a seqno is used again after a restart', /entry \d+: seqno \d+ was expected/, () => {
    divert({
      decodeFollowing: followingAnything,
      barrierAfter: (real) => (before, logTimeMs, node) =>
        real({ ...before, seqno: seqno(Math.max(0, before.seqno - 1)) }, logTimeMs, node),
    });
    withoutOrderInTheIndex();
  }),
  bug('entries are applied over a hole', /the regions differ/, () => {
    divert({
      decodeFollowing: (real) => (head, entries) =>
        followingAnything(real)(head, entries.length > 2 ? entries.slice(1) : entries),
    });
    withoutOrderInTheIndex();
  }),
  bug('a failed write is taken for a good one', /the regions differ|entry \d+: \d+ was expected/, () =>
    databases(goingOnAfterFailures),
  ),
  bug('a record is lost now and then', /the regions differ/, () => databases(losingRecords())),
];

const clients: readonly PlantedBug[] = [
  bug('the client tries again under a new id when an outcome is unknown', /#\d+: committed \d+ times/, () =>
    retryingUnderNewIds(),
  ),
  bug(
    'no attempt of the client says that it is a retry, and any abort is believed',
    /#\d+: (committed \d+ times|was said not to be committed)/,
    () => believingAnyAbort(),
  ),
  bug(
    'the client runs a function again when the answer to COMMIT is lost',
    /#\d+: its run \d+ is at \d+, and the function ran again/,
    () => settlingNothing(),
  ),
  bug('the client does not send its causality token', / reads what was nowhere from /, () =>
    sendingNoTokens(),
  ),
  bug('a feed skips a commit where it goes on', / showed .* where the log has /, () => feedsGoingOnAt(1)),
  bug('a feed repeats a commit where it goes on', / showed .* where the log has /, () => feedsGoingOnAt(-1)),
  bug('a feed shows what was added to a counter', / showed .* where the log has /, () => feedsOfOperands()),
];

const copies: readonly PlantedBug[] = [
  bug('the last chunk of a copy is lost', / differs at mark /, () => losingTheLastChunk()),
  bug('a copy comes without its outcomes', / differs at mark | says of .* unknown, the log /, () =>
    givingNoOutcomes(),
  ),
  bug('who lags goes on over entries that were trimmed', / differs at mark |the regions differ/, () =>
    followingOverTrimmedEntries(),
  ),
  bug('a home leads with a shorter log', / of another history than the log's| differs at position /, () =>
    leadingWithAShorterLog(),
  ),
  bug('a copy is served before it is verified', / differs at mark /, () => servingUnverifiedCopies()),
  bug(
    'outcomes above the id floor are forgotten',
    / differs at mark | says of .* unknown, the log | has two outcomes/,
    () => forgettingTooEarly(12_000),
  ),
  bug('entries are never trimmed', / keeps \d+ bytes of entries /, () => trimmingNothing()),
  bug('a copy that was given up is removed', / was removed that /, () => keepingNothingAside),
];

/** One of a log in etcd. */
function shared(name: string, caughtAs: RegExp, plant: () => Wraps): PlantedBug {
  return { name, caughtAs, plant };
}

const sharedLogs: readonly PlantedBug[] = [
  shared('an append does not compare who leads', / is written by who does not lead/, () => ({
    kv: comparingNot('leader'),
  })),
  shared(
    'an append does not compare the entry before it',
    /slot \d+ is written again after it was trimmed/,
    () => ({ kv: comparingNot('predecessor') }),
  ),
  shared(
    "whatever is in the slot is taken for one's own",
    / differs at position | of another history than the log's/,
    () => ({ kv: takingAnySlotForOurs, log: tellingNobodyOfALostRole }),
  ),
  shared('an append without an answer is taken for durable', / is at \d+, beyond the log in etcd/, () => ({
    kv: takingSilenceForDurable,
  })),
  shared('a deposed sequencer tells the tail from memory', /, causally, when /, () => ({
    log: tellingTheTailFromMemory,
  })),
  shared('an append is said to be durable when it is sent', / is at \d+, beyond the log in etcd/, () => ({
    log: sayingDurableAtOnce,
  })),
  shared('what one region alone holds is trimmed', / is trimmed, and held in /, () => ({
    log: trimmingWhatNobodyHolds(),
  })),
  bug('a successor keeps the epoch', /entry \d+: epoch \d+ was expected/, () => {
    divert({
      barrierAfter: (real) => (before, logTimeMs, node) =>
        real({ ...before, epoch: (before.epoch - 1) as never }, logTimeMs, node),
    });
  }),
];

export const plantedBugs: readonly PlantedBug[] = [
  ...certifying,
  ...reading,
  ...outcomes,
  ...storing,
  ...clients,
  ...copies,
  ...sharedLogs,
];
