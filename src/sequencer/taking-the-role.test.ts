import { expect, it } from 'vitest';
import { begun } from '../../test/support/begun-store.js';
import { eventually } from '../../test/support/eventually.js';
import { CertificationIndex } from '../certification/certification-index.js';
import { keyspaceName, nodeId, seqno } from '../model/ids.js';
import { defaultRetention } from '../model/retention.js';
import { EmbeddedLog } from '../ordering/embedded/embedded-log.js';
import { silentLogger } from '../runtime/runtime.js';
import { createSystemRuntime } from '../runtime/system/runtime.js';
import { closedStream } from '../transport/loopback.js';
import { Sequencer } from './sequencer.js';

/** How much faster than real its time runs. */
const speed = 20;

it('a clock that jumps ahead while the index is warmed does not become log time', async () => {
  const { store } = await begun();
  const system = createSystemRuntime(silentLogger);
  let aheadMs = 0;
  const monotonicMs = (): number => speed * system.clock.monotonicMs();
  const clock = { monotonicMs, nowMs: () => 1_700_000_000_000 + Math.floor(monotonicMs()) + aheadMs };
  const { soon, after } = system.timers;
  const timers = { soon, after: (delayMs: number, action: () => void) => after(delayMs / speed, action) };
  const runtime = { ...system, clock, timers };
  let warmed = 0;
  const sequencer = new Sequencer({
    keyspace: keyspaceName('default'),
    self: nodeId('home'),
    nodes: [],
    log: new EmbeddedLog(store, runtime),
    store,
    transport: {
      open: () => closedStream(system.timers, 'nobody is there'),
      accept: () => {},
      start: () => Promise.resolve(),
      stop: () => Promise.resolve(),
    },
    runtime,
    warmIndex: () => {
      if (warmed++ === 0) aheadMs = 3_600_000;
      const bounds = { transactionsMax: 10, keysMax: 10, deletedRangesMax: 10 };
      return Promise.resolve(new CertificationIndex(bounds, seqno(0)));
    },
    compare: 'reachable',
    obstacle: () => (aheadMs > 0 ? 'the clocks are apart' : undefined),
    clockCompared: () => true,
    retention: defaultRetention,
  });
  sequencer.start();
  await eventually(() => expect(sequencer.state).toMatchObject({ why: expect.stringMatching(/clock/) }));
  expect(store.head.position).toBe(0);
  aheadMs = 0;
  await eventually(() => sequencer.state.kind === 'serving');
  expect(store.head.logTimeMs).toBeLessThanOrEqual(clock.nowMs());
  await sequencer.stop();
});
