/**
 * Which way Certify flows: how long a node's submissions take to the sequencer when the node opens the stream (and bulk
 * flows client to server), and when the sequencer opens it. ADR 0003 has the results.
 *
 *   npx tsx bench/certify-direction/main.ts [seconds per measurement]
 *
 * Sequencer (this process), node and a proxy that delays are three processes on one machine.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { choices, listen, open, openThroughTransport, type ChoiceName } from './links.js';
import type { Order, Report } from './node.js';

const secondsPerMeasurement = Number(process.argv[2] ?? 6);
const roundTripsMs = [0, 80, 190];
const mib = 1024 * 1024;
const submissionBytes = 300;
const batchBytes = 100 * submissionBytes;

const children: ChildProcess[] = [];
const startChild = (file: string, ...args: readonly (string | number)[]): ChildProcess => {
  const child = fork(new URL(file, import.meta.url), args.map(String));
  children.push(child);
  return child;
};

const firstMessage = async <T>(child: ChildProcess): Promise<T> => (await once(child, 'message'))[0] as T;

async function delayedPort(targetPort: number, roundTripMs: number): Promise<number> {
  return firstMessage<number>(startChild('./delay-proxy.ts', targetPort, roundTripMs / 2));
}

interface Link {
  readonly node: ChildProcess;
  onMessage: (message: Uint8Array) => void;
}

/** Starts a node whose messages arrive at `onMessage`. */
async function connect(name: ChoiceName, roundTripMs: number): Promise<Link> {
  const { reversed, through } = choices[name];
  const link = { onMessage: (_message: Uint8Array): void => {} };
  const take = (message: Uint8Array): void => link.onMessage(message);
  if (!reversed) {
    const port = await listen((call) => call.on('data', take), through);
    const node = startChild('./node.ts', name, await delayedPort(port, roundTripMs));
    await firstMessage(node);
    return Object.assign(link, { node });
  }
  const node = startChild('./node.ts', name, 0);
  const report = await firstMessage<Report>(node);
  if (report.report !== 'port') throw new Error('the node said no port');
  const port = await delayedPort(report.port, roundTripMs);
  const ready = firstMessage(node);
  if (through === 'transport') openThroughTransport(port, take);
  else open(port).on('data', take);
  await ready;
  return Object.assign(link, { node });
}

const tell = (link: Link, order: Order): void => void link.node.send(order);

/** Time from `send` at the node to the whole message here. The first one also warms the connection and is left out. */
async function oneTransactionMs(link: Link): Promise<number> {
  const samples: number[] = [];
  for (let sample = 0; sample < 6; sample += 1) {
    const arrived = new Promise<number>((resolve) => {
      link.onMessage = (message) => {
        const sentNs = Buffer.from(message.buffer, message.byteOffset, 8).readBigUInt64BE();
        resolve(Number(process.hrtime.bigint() - sentNs) / 1e6);
      };
    });
    tell(link, { order: 'one', bytes: mib });
    samples.push(await arrived);
  }
  const warm = samples.slice(1).sort((a, b) => a - b);
  return warm[Math.floor(warm.length / 2)]!;
}

/** Bytes per second that arrive, whole messages only, from the first arrival on. */
async function throughput(link: Link, bytes: number): Promise<number> {
  let messages = -1;
  let firstMs = 0;
  let lastMs = 0;
  const over = new Promise<void>((resolve) => {
    link.onMessage = (message) => {
      if (message.length !== bytes) return;
      lastMs = performance.now();
      if (messages < 0) firstMs = lastMs;
      messages += 1;
      if (messages > 0 && lastMs - firstMs > secondsPerMeasurement * 1000) resolve();
    };
  });
  tell(link, { order: 'flood', bytes });
  await over;
  return (messages * bytes * 1000) / (lastMs - firstMs);
}

function stopChildren(): void {
  for (const child of children.splice(0)) child.kill('SIGKILL');
}

const number = (value: number, digits: number): string =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

console.log(
  '| choice | round trip | one 1 MiB transaction arrives after | 1 MiB transactions | 300-byte submissions |',
);
console.log('| --- | ---: | ---: | ---: | ---: |');
for (const name of Object.keys(choices) as ChoiceName[]) {
  for (const roundTripMs of roundTripsMs) {
    const link = await connect(name, roundTripMs);
    const oneMs = await oneTransactionMs(link);
    const large = await throughput(link, mib);
    stopChildren();
    const small = await throughput(await connect(name, roundTripMs), batchBytes);
    stopChildren();
    const [one, mibPerS, perS] = [
      number(oneMs, 0),
      number(large / mib, 2),
      number(small / submissionBytes, 0),
    ];
    console.log(`| ${name} | ${roundTripMs} ms | ${one} ms | ${mibPerS} MiB/s | ${perS}/s |`);
  }
}
process.exit(0);
