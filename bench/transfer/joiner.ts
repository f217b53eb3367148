/**
 * The joiner of the measurement, a child process: takes the donor's copy, puts it into its place and opens it. Arguments:
 * directory, the donor's port, the keyspace's id. Reports over IPC and ends.
 */
import { keyspaceName, nodeId, parseKeyspaceId } from '../../src/model/ids.js';
import { silentLogger } from '../../src/runtime/runtime.js';
import { createSystemRuntime } from '../../src/runtime/system/runtime.js';
import { directoryPlace } from '../../src/storage/directory-place.js';
import { openKeyspaceStore } from '../../src/storage/keyspace-store.js';
import type { JoinPhase } from '../../src/transfer/transfer-status.js';
import { SnapshotJoiner } from '../../src/transfer/snapshot-joiner.js';
import { createGrpcPeerTransport } from '../../src/transport/grpc/grpc-peer-transport.js';

export interface JoinReport {
  /** Until the copy is verified, replayed and closed. */
  readonly joinedMs: number;
  /** When each phase was first seen, from the start. */
  readonly phasesMs: Partial<Record<JoinPhase, number>>;
  /** The exchange, and opening the store that is served then. */
  readonly openedMs: number;
  readonly bytes: number;
  readonly cpuMs: number;
  readonly rssMib: number;
  readonly position: number;
  readonly outcomes: number;
}

const [directory = '', port, id = ''] = process.argv.slice(2);
const runtime = createSystemRuntime(silentLogger);
const place = directoryPlace(directory, runtime.clock);
const donor = nodeId('donor');
const transport = createGrpcPeerTransport({
  cluster: 'bench',
  self: nodeId('joiner'),
  addresses: new Map([[donor, `127.0.0.1:${port}`]]),
  listen: '127.0.0.1:0',
  runtime,
});
const joiner = new SnapshotJoiner({
  keyspace: keyspaceName('default'),
  self: nodeId('joiner'),
  place,
  donors: () => [{ node: donor, keyspaceId: parseKeyspaceId(id)!, position: 0 }],
  own: undefined,
  mayReplaceDifferent: false,
  transport,
  runtime,
});

const phasesMs: Partial<Record<JoinPhase, number>> = {};
const before = process.cpuUsage();
const startedMs = performance.now();
const watch = setInterval(() => (phasesMs[joiner.progress.phase] ??= performance.now() - startedMs), 1);
const joined = await joiner.run();
const joinedMs = performance.now() - startedMs;
clearInterval(watch);
if (joined === undefined || 'refused' in joined) throw new Error('it did not join');
const { user, system } = process.cpuUsage(before);
const rssMib = process.memoryUsage.rss() / 2 ** 20;
const exchangeMs = performance.now();
await place.exchange({ setAside: false });
const store = await openKeyspaceStore(() => place.openCurrent(), silentLogger);
const report: JoinReport = {
  joinedMs,
  phasesMs,
  openedMs: performance.now() - exchangeMs,
  bytes: joiner.progress.bytes,
  cpuMs: (user + system) / 1000,
  rssMib,
  position: store.head.position,
  outcomes: store.kept.outcomes,
};
await store.close();
await transport.stop();
process.send!(report, () => process.disconnect());
