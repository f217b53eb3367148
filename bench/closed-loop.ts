import { Agent, request } from 'node:http';
import { build, type Histogram } from 'hdr-histogram-js';

export interface Load {
  readonly url: string;
  readonly method: 'GET' | 'PUT';
  /** The path of the n-th request. */
  readonly path: (n: number) => string;
  readonly body?: Buffer;
  /** Clients that each wait for their answer before they send the next request. */
  readonly clients: number;
  readonly warmUpMs: number;
  readonly measuredMs: number;
}

export interface Measured {
  readonly perSecond: number;
  /** Latencies in microseconds. */
  readonly latency: Histogram;
  /** Answers other than 200. */
  readonly failed: number;
}

/** A closed loop over HTTP with kept-alive connections; what is answered during the warm-up is not counted. */
export async function runClosedLoop(load: Load): Promise<Measured> {
  const agent = new Agent({ keepAlive: true, maxSockets: load.clients });
  const latency = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 60_000_000,
    numberOfSignificantValueDigits: 3,
  });
  const beginMs = performance.now() + load.warmUpMs;
  const endMs = beginMs + load.measuredMs;
  let n = 0;
  let failed = 0;
  const client = async (): Promise<void> => {
    while (performance.now() < endMs) {
      const sentMs = performance.now();
      const status = await exchange(agent, load, n++);
      const answeredMs = performance.now();
      if (answeredMs < beginMs || answeredMs >= endMs) continue;
      latency.recordValue(Math.max(1, Math.round((answeredMs - sentMs) * 1000)));
      if (status !== 200) failed += 1;
    }
  };
  await Promise.all(Array.from({ length: load.clients }, client));
  agent.destroy();
  return { perSecond: (latency.totalCount * 1000) / load.measuredMs, latency, failed };
}

function exchange(agent: Agent, load: Load, n: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers =
      load.body === undefined ? {} : { 'Content-Type': 'text/plain', 'Content-Length': load.body.length };
    const sent = request(load.url + load.path(n), { agent, method: load.method, headers }, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode ?? 0));
    });
    sent.on('error', reject);
    sent.end(load.body);
  });
}
