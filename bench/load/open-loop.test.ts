import { expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.js';
import { mergeLatencies, summarize } from './latencies.js';
import { runOpenLoop, type OpenLoopConnection } from './open-loop.js';
import type { HttpAnswer } from './stores/http-connection.js';

const answer = (status: number, head = '', body = ''): HttpAnswer => ({
  status,
  head: `HTTP/1.1 ${status} \r\n${head}`,
  body: Buffer.from(body),
});
const now = (): number => performance.timeOrigin + performance.now();

it('requests are sent when they are due, though none before is answered', async () => {
  const held: ((answer: HttpAnswer) => void)[] = [];
  const open = (): OpenLoopConnection => ({
    send: () =>
      new Promise((resolve) => {
        held.push(resolve);
        if (held.length === 20) for (const one of held) one(answer(200));
      }),
  });
  const phases = [{ perSecond: 1000, seconds: 0.02 }];
  const report = await runOpenLoop(open, { phases, beginMs: now(), connectionsMax: 20 });
  expect(report.phases[0]).toMatchObject({ due: 20, unsent: 0, answers: { ok: 20 }, failures: {} });
  expect(report.connections).toBe(20);
});

it('a latency counts from when its request was due, also while it waited for a connection', async () => {
  let sent = 0;
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  const startMs = performance.now();
  const open = (): OpenLoopConnection => ({
    send: async () => {
      sent += 1;
      if (sent === 1) await gate;
      return answer(200);
    },
  });
  const phases = [
    { perSecond: 1000, seconds: 0.01 },
    { perSecond: 1000, seconds: 0.01 },
  ];
  const running = runOpenLoop(open, { phases, beginMs: now(), connectionsMax: 1 });
  await eventually(() => performance.now() - startMs > 60, { everyMs: 1 });
  expect(sent).toBe(1);
  release();
  const [first, second] = (await running).phases;
  expect([first!.answers, second!.answers]).toEqual([{ ok: 10 }, { ok: 10 }]);
  expect(summarize(mergeLatencies([second!.latencies])).p50).toBeGreaterThan(30);
});

it('tells refusals apart by code and Retry-After, and what was not answered by its reason', async () => {
  const answers = [
    () => answer(200),
    () => answer(503, 'Retry-After: 1\r\n', '{"code":"OVERLOADED"}'),
    () => answer(503, '', '{"code":"NODE_NOT_READY"}'),
    () => {
      throw new Error('ECONNRESET');
    },
  ];
  const open = (): OpenLoopConnection => ({ send: async () => answers.shift()!() });
  const phases = [{ perSecond: 1000, seconds: 0.004 }];
  const { phases: reports } = await runOpenLoop(open, { phases, beginMs: now(), connectionsMax: 1 });
  expect(reports[0]).toMatchObject({
    answers: { ok: 1, OVERLOADED: 1, 'NODE_NOT_READY without Retry-After': 1 },
    failures: { ECONNRESET: 1 },
  });
});
