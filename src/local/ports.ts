import { once } from 'node:events';
import { createServer } from 'node:net';
import { systemRandom } from '../runtime/system/random.js';
import { formatAddress, type Address } from '../server/config/address.js';
import type { ClusterNode } from '../server/config/config.js';
import { ClusterStartError } from './start-error.js';

/** Where one node listens. */
export interface NodePorts {
  readonly http: number;
  readonly peer: number;
}

/** Consecutive ports from `first` on: HTTP of every node, then the peers' of every node; `further` more are left after them. */
export function portsFrom(first: number, nodes: number, further = 0): NodePorts[] {
  const last = 65_536 - 2 * nodes - further;
  if (!Number.isSafeInteger(first) || first < 1 || first > last)
    throw new ClusterStartError(`Ports must be from 1 to ${last}, not ${first}.`);
  return Array.from({ length: nodes }, (_, i) => ({ http: first + i, peer: first + nodes + i }));
}

/** An address that a process of the cluster is to listen at. */
export interface Listener {
  readonly address: Address;
  /** `http of us-east`. */
  readonly whose: string;
}

export function listenersOf(nodes: readonly ClusterNode[]): Listener[] {
  return nodes.flatMap(({ id, http, peer }) => [
    { address: http, whose: `http of ${id}` },
    { address: peer, whose: `peer of ${id}` },
  ]);
}

/** Rejects with a ClusterStartError that names every address that is taken, and whose it should be. */
export async function refuseTakenPorts(listeners: readonly Listener[], clusterFile: string): Promise<void> {
  const complaints = await Promise.all(
    listeners.map(async ({ address, whose }) => {
      const code = await tryListening(address);
      if (code === undefined) return undefined;
      const reason = code === 'EADDRINUSE' ? 'is in use by another process' : `cannot be used (${code})`;
      return `  ${formatAddress(address)} (${whose}) ${reason}`;
    }),
  );
  const taken = complaints.filter((complaint) => complaint !== undefined);
  if (taken.length > 0)
    throw new ClusterStartError(
      `The cluster cannot listen:\n${taken.join('\n')}\n` +
        `Stop what listens there, change ${clusterFile}, or choose other ports with --ports-from N.`,
    );
}

/** The error's code, or undefined when it works. */
async function tryListening(address: Address): Promise<string | undefined> {
  const server = createServer();
  try {
    server.listen({ ...address, exclusive: true });
    await once(server, 'listening');
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Systems give ports from 32,768 (Linux) or 49,152 on to outgoing connections: one of those may be taken at any moment. */
const candidates = { first: 20_000, blocks: 12, count: 1000 };
const triesMax = 2000;

/**
 * Ports of the loopback interface that were free a moment ago, all different: another cluster at the usual ones may go on.
 * A node that is down keeps its port, for nothing but a server takes it, and another process that looks for ports at the
 * same time most likely looks in another block.
 */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  const block = candidates.first + (process.pid % candidates.blocks) * candidates.count;
  for (let tries = 0; found.size < count; tries++) {
    if (tries === triesMax)
      throw new ClusterStartError(`No ${count} free ports were found from ${block} on.`);
    const port = block + Math.floor(systemRandom.fraction() * candidates.count);
    if ((await tryListening({ host: '127.0.0.1', port })) === undefined) found.add(port);
  }
  return [...found];
}
