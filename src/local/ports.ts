import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { formatAddress, type Address } from '../server/config/address.js';
import type { ClusterNode } from '../server/config/config.js';
import { ClusterStartError } from './start-error.js';

/** Where one node listens. */
export interface NodePorts {
  readonly http: number;
  readonly peer: number;
}

/** Consecutive ports from `first` on: HTTP of every node, then the peers' of every node. */
export function portsFrom(first: number, nodes: number): NodePorts[] {
  if (!Number.isSafeInteger(first) || first < 1 || first + 2 * nodes - 1 > 65_535)
    throw new ClusterStartError(`Ports must be from 1 to ${65_536 - 2 * nodes}, not ${first}.`);
  return Array.from({ length: nodes }, (_, i) => ({ http: first + i, peer: first + nodes + i }));
}

/** Rejects with a ClusterStartError that names every address that is taken, and whose it should be. */
export async function refuseTakenPorts(nodes: readonly ClusterNode[], clusterFile: string): Promise<void> {
  const listeners = nodes.flatMap((node) => [
    { node, what: 'http', address: node.http },
    { node, what: 'peer', address: node.peer },
  ]);
  const complaints = await Promise.all(
    listeners.map(async ({ node, what, address }) => {
      const code = await tryListening(address);
      if (code === undefined) return undefined;
      const reason = code === 'EADDRINUSE' ? 'is in use by another process' : `cannot be used (${code})`;
      return `  ${formatAddress(address)} (${what} of ${node.id}) ${reason}`;
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

/** Ports of the loopback interface that were free a moment ago, all different: another cluster at the usual ones may go on. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
