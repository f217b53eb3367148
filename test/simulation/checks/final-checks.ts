import { createHash } from 'node:crypto';
import { firstKey, describeKey, type Key } from '../../../src/model/keys.js';
import { logPosition } from '../../../src/model/ids.js';
import type { TransactionId } from '../../../src/model/ids.js';
import { transactionTimeMs } from '../../../src/model/transaction-id.js';
import type { KeyspaceNode } from '../../../src/server/keyspace-node.js';
import type { TransactionState } from '../../../src/transaction/service.js';
import type { History } from '../workload/history.js';
import { accounts, counters, fundsEach } from '../workload/requests.js';
import { keyspaceNames, type World } from '../world/world.js';
import { standingOf, type WrittenLog } from '../world/written-logs.js';
import { callOf, checkAppRead, checkCalls } from './apps.js';
import { checkWatched } from './feeds.js';
import type { Places } from './places.js';
import { ReplayedLog } from './replayed-log.js';
import { checkOutcome, checkPlace, checkRead } from './transactions.js';

const applyMsMax = 5000;

/** Everything that must hold of a world at rest. Returns what does not. */
export async function finalChecks(world: World, history: History, places: Places): Promise<string[]> {
  const problems = [...history.violations, ...world.violations];
  for (const keyspace of keyspaceNames) {
    const nodes = world.nodes.flatMap((node) => node.running?.keyspaceNode(keyspace) ?? []);
    if (nodes.length < world.nodes.length) problems.push(`${keyspace}: not every node serves it`);
    const isShared = world.shared.has(keyspace);
    const home = isShared ? nodes[0] : world.homeOf(keyspace).running?.keyspaceNode(keyspace);
    if (home === undefined) continue;
    const written = world.logs.of(keyspace);
    if (isShared) problems.push(...(await appliedToItsEnd(world, nodes, written)));
    const log = await replay(home, written);
    history.count('tombstones', log.tombstones.size);
    history.count('epoch changes', log.epoch - 1);
    history.count('commits', log.tail);
    const found = [
      ...log.problems,
      ...(await convergence(nodes, log)),
      ...sameRows(world, keyspace, log),
      ...nodes.flatMap((node, i) => chained(node, log).map((problem) => `node ${i}: ${problem}`)),
      ...totals(keyspace, log, history),
      ...history.sent
        .filter((sent) => sent.keyspace === keyspace)
        .flatMap((sent) => [
          ...checkOutcome(sent, log),
          ...checkPlace(sent, log),
          ...stateEverywhere(nodes, sent.id, log),
        ]),
      ...history.readOnly
        .filter((read) => read.keyspace === keyspace)
        .flatMap((read) => checkRead(read, log)),
      ...history.watched
        .filter((watched) => watched.keyspace === keyspace)
        .flatMap((watched) => checkWatched(watched, log)),
      ...checkCalls(keyspace, history, log),
      ...history.apps.reads
        .filter((read) => read.keyspace === keyspace)
        .flatMap((read) => checkAppRead(read, log)),
      ...strangers(keyspace, history, log),
      ...places.differences(keyspace, log),
    ];
    problems.push(...found.map((problem) => `${keyspace}: ${problem}`));
  }
  return problems;
}

/** What etcd holds is applied everywhere, or is soon: somebody may be checking the copies now. */
async function appliedToItsEnd(
  world: World,
  nodes: readonly KeyspaceNode[],
  written: WrittenLog,
): Promise<string[]> {
  const isApplied = (): boolean => nodes.every(({ store }) => store.head.position === written.newest);
  return world.until('the log in etcd is applied to its end', isApplied, applyMsMax).then(
    () => [],
    (error: unknown) => [String(error)],
  );
}

/** The log as it was written, by its home or into etcd, whatever of it is still kept. */
async function replay({ store }: KeyspaceNode, written: WrittenLog): Promise<ReplayedLog> {
  const log = new ReplayedLog();
  for (let position = 0; position <= store.head.position; position++) {
    const bytes = written.at(position);
    if (bytes !== undefined) log.add(bytes);
    else log.problems.push(`entry ${position} was never written, and is held`);
  }
  const kept: Uint8Array[] = [];
  while (store.oldestPosition + kept.length <= store.head.position)
    kept.push(...(await store.entries(logPosition(store.oldestPosition + kept.length), 1024 * 1024)));
  kept.forEach((bytes, i) => {
    const position = store.oldestPosition + i;
    if (written.at(position)?.equals(bytes) !== true)
      log.problems.push(`entry ${position} is not what was written`);
  });
  return log;
}

/** One state everywhere: by its hash, and by what can be read of it. */
async function convergence(nodes: readonly KeyspaceNode[], log: ReplayedLog): Promise<string[]> {
  const states = await Promise.all(nodes.map(({ service }) => service.stateHash()));
  const different = new Set(
    states.map((state) => (state.ok ? `${state.value.hash} ${state.value.gtid}` : state.failure.message)),
  );
  const problems = different.size === 1 ? [] : [`the regions differ: ${[...different].join(' and ')}`];
  const range = { start: firstKey, end: undefined };
  const page = await nodes.at(-1)!.service.list(range, {
    limit: 1000,
    reverse: false,
    causal: false,
    token: undefined,
    timeoutMs: 1,
  });
  if (!page.ok) return [...problems, `the state cannot be read: ${page.failure.message}`];
  const shown = page.value.entries.map(({ key, value }) => `${describeKey(key)} ${value.version}`);
  const replayed = log.rangeAt(range, log.tail).map(({ key, seen }) => `${describeKey(key)} ${seen.version}`);
  if (shown.join() !== replayed.join()) problems.push(`shown ${shown.join()}, by the log ${replayed.join()}`);
  return problems;
}

/** Byte by byte: data, and the outcomes that nobody may have forgotten. Not while a key's expiry is on its way from disk to disk. */
function sameRows(world: World, keyspace: string, log: ReplayedLog): string[] {
  const positions = world.nodes.map((node) => standingOf(node.placeOf(keyspace).current)?.position);
  if (new Set(positions).size > 1) return [];
  const hashes = world.nodes.map((node) => {
    const { current } = node.placeOf(keyspace);
    const hash = createHash('sha256');
    for (const [key, value] of current.records('do')) {
      if (key[0] !== 'o' || Buffer.from(key, 'latin1').readUIntBE(1, 6) >= log.idFloorMs)
        hash.update(key, 'latin1').update(value);
    }
    return hash.digest('hex').slice(0, 8);
  });
  return new Set(hashes).size === 1 ? [] : [`the rows of the nodes differ: ${hashes.join(', ')}`];
}

/** What a node still knows of the chain is the log's. */
function chained({ store }: KeyspaceNode, log: ReplayedLog): string[] {
  const position = Math.min(store.head.position, log.newest);
  for (let at = 0; at <= position; at += at < position - 60 ? 7 : 1) {
    const hash = store.chainHashAt(at);
    if (hash === undefined ? at >= store.oldestPosition : !hash.equals(log.hashAt(at)!))
      return [`the chain hash at ${at} is ${hash === undefined ? 'gone' : "not the log's"}`];
  }
  return [];
}

/** Nothing was lost and nothing done twice, by sums that need no log. */
function totals(keyspace: string, log: ReplayedLog, history: History): string[] {
  const problems: string[] = [];
  let funds = 0;
  for (const account of accounts) {
    const held = log.at(account, log.tail);
    funds += held === undefined ? fundsEach : Number(held.text.slice('bytes '.length));
  }
  if (funds !== accounts.length * fundsEach) problems.push(`the accounts hold ${funds}`);
  const counts = acknowledgedCounts(keyspace, log, history);
  for (const counter of counters) {
    const held = log.at(counter, log.tail)?.text ?? 'counter 0';
    const counted = `counter ${counts.get(counter) ?? 0n}`;
    if (held !== counted) problems.push(`${describeKey(counter)} is a ${held}, by its clients a ${counted}`);
  }
  return problems;
}

/** What the counters come to by what clients know; of ids that grew too old to be told of, by what the log says. */
function acknowledgedCounts(keyspace: string, log: ReplayedLog, history: History): Map<Key, bigint> {
  const sums = new Map<Key, bigint>();
  for (const sent of history.sent) {
    if (sent.keyspace !== keyspace) continue;
    const isCommitted = sent.words.some(({ kind }) => kind === 'committed');
    const isUntold = sent.words.every(({ kind }) => kind === 'too-old');
    if (!isCommitted && !(isUntold && log.byId.has(sent.id))) continue;
    for (const mutation of sent.mutations) {
      if (mutation.kind === 'sum' && counters.includes(mutation.key))
        sums.set(mutation.key, (sums.get(mutation.key) ?? 0n) + mutation.operand);
    }
  }
  return sums;
}

/**
 * Asked of any node, an id has the state that the log gives it; without an outcome it is unknown. What is below the id floor
 * may be forgotten.
 */
function stateEverywhere(nodes: readonly KeyspaceNode[], id: TransactionId, log: ReplayedLog): string[] {
  const committed = log.byId.get(id);
  const code = log.tombstones.get(id);
  const wanted =
    committed !== undefined
      ? `committed ${committed.seqno} ${String(committed.results)}`
      : code === undefined
        ? 'unknown'
        : `aborted ${code}`;
  const mayBeForgotten = transactionTimeMs(id) < log.idFloorMs;
  return nodes.flatMap(({ service }, i) => {
    const told = describeState(service.transactionState(id));
    if (told === wanted || (mayBeForgotten && told === 'unknown')) return [];
    return [`node ${i} says of ${id} ${told}, the log ${wanted}`];
  });
}

function describeState(found: TransactionState): string {
  switch (found.state) {
    case 'committed':
      return `committed ${found.seqno} ${String(found.results)}`;
    case 'aborted':
      return `aborted ${found.code}`;
    case 'open':
    case 'unknown':
      return found.state;
  }
}

/** The log holds what clients sent, and the expiry of keys, nothing else. */
function strangers(keyspace: string, history: History, log: ReplayedLog): string[] {
  const sent = new Set(history.sent.filter((one) => one.keyspace === keyspace).map(({ id }) => id));
  return log.transactions
    .filter(({ writeSet }) => !sent.has(writeSet.id))
    .filter((one) => callOf(one, history) === undefined)
    .filter(({ writeSet }) => writeSet.mutations.some(({ kind }) => kind !== 'expire'))
    .map(({ writeSet }) => `nobody sent ${writeSet.id}`);
}
