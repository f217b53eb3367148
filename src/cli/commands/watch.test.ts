import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ManualTime } from '../../../test/support/manual-time.js';
import { eventually } from '../../../test/support/eventually.js';
import { silentLogger } from '../../runtime/runtime.js';
import { createSystemRuntime } from '../../runtime/system/runtime.js';
import { runCommandLine } from '../program.js';

let server: Server;
let url: string;
let asked: IncomingMessage[];
let streams: ServerResponse[];
/** Answers in the place of a stream. */
let refusals: ((response: ServerResponse) => void)[];

beforeEach(async () => {
  [asked, streams, refusals] = [[], [], []];
  server = createServer((request, response) => {
    asked.push(request);
    const refuse = refusals.shift();
    if (refuse !== undefined) return refuse(response);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    streams.push(response);
    response.write('retry: 1000\nevent: heartbeat\nid: h:1\ndata: {"gtid":"h:1"}\n\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** The command, running; its time is the test's. */
function run(...args: string[]) {
  const [out, err]: [string[], string[]] = [[], []];
  const time = new ManualTime();
  const terminal = {
    out: async (bytes: Uint8Array | string) => void out.push(Buffer.from(bytes as Uint8Array).toString()),
    say: (line: string) => void err.push(line),
    unread: false,
    interactive: false,
    ask: () => Promise.resolve(undefined),
    paint: (_: unknown, text: string) => text,
  };
  let stop = (): void => {};
  const stopped = new Promise<string>((resolve) => (stop = () => resolve('SIGINT')));
  const runtime = { ...createSystemRuntime(silentLogger), timers: time.timers };
  const context = { terminal, environment: { MERIDIAN_URL: url }, runtime, untilStopped: () => stopped };
  const code = runCommandLine(['watch', ...args], context, '1.2.3');
  return { out, err, code, time, terminal, stop: () => stop() };
}

const commit = (at: number, text = ''): string => `id: h:${at}\ndata: {"gtid":"h:${at}"${text}}\n\n`;

it('prints commits line by line until it is stopped, and nothing else', async () => {
  const { out, code, stop } = run('default', 'a/é', '--from', 'h:0', '--token', 't');
  await eventually(() => streams.length === 1);
  expect(asked[0]!.url).toBe('/v1/keyspaces/default/changes?prefix=a%2F%C3%A9&from=h%3A0');
  expect(asked[0]!.headers).toMatchObject({ authorization: 'Bearer t' });
  streams[0]!.write(commit(2) + commit(3, ',\ndata: "x":"é"').slice(0, -1));
  streams[0]!.write('\n');
  await eventually(() => out.length === 2);
  expect(out).toEqual(['{"gtid":"h:2"}\n', '{"gtid":"h:3", "x":"é"}\n']);
  stop();
  expect(await code).toBe(0);
});

it('goes on after the last event where a stream breaks or its node stops', async () => {
  const { out, err, code, time, stop } = run('default');
  await eventually(() => streams.length === 1);
  streams[0]!.write(commit(2));
  await eventually(() => out.length === 1);
  streams[0]!.destroy();
  await eventually(() => time.waiting > 0);
  time.advance(1000);
  await eventually(() => streams.length === 2);
  expect(asked[1]!.headers['last-event-id']).toBe('h:2');
  const problem = { code: 'NODE_NOT_READY', status: 503, retry: 'elsewhere', detail: 'the node stops' };
  streams[1]!.end(`event: error\ndata: ${JSON.stringify(problem)}\n\n`);
  await eventually(() => time.waiting > 0);
  expect(err.at(-1)).toBe('NODE_NOT_READY: the node stops');
  time.advance(1000);
  await eventually(() => streams.length === 3);
  stop();
  expect(await code).toBe(0);
});

it('ends with the problem when going on is no use', async () => {
  const { err, code } = run('default');
  await eventually(() => streams.length === 1);
  const problem = { code: 'CHANGES_TOO_OLD', status: 410, retry: 'no', detail: 'too far behind' };
  streams[0]!.end(`event: error\ndata: ${JSON.stringify(problem)}\n\n`);
  expect(await code).toBe(1);
  expect(err).toEqual(['CHANGES_TOO_OLD: too far behind']);
});

it('ends when no node ever answered, and when its own reader has gone', async () => {
  refusals.push((response) => response.destroy());
  expect(await run('default').code).toBe(5);
  const { code, terminal } = run('default');
  await eventually(() => streams.length === 1);
  terminal.unread = true;
  streams[0]!.write(commit(2));
  expect(await code).toBe(0);
});
