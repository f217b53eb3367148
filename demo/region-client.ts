import { connect, type Client } from '../src/client/index.js';
import type { LocalCluster } from '../src/local/cluster.js';
import { formatAddress } from '../src/server/config/address.js';
import { DemoError } from './demo-error.js';

/** An app in one region: it speaks to the node there. */
export interface RegionClient {
  readonly region: string;
  /** Transactions and reads. */
  readonly sdk: Client;
  /** The node's HTTP, for what is told about the cluster and for the independent reader. */
  readonly url: string;
}

/** Of one call with its retries: the load keeps every home busy. */
const requestTimeoutMs = 60_000;
const transactTimeoutMs = 120_000;

export function connectRegions(
  { nodes, config }: LocalCluster,
  signal: AbortSignal,
): Promise<RegionClient[]> {
  return Promise.all(
    nodes.map(async ({ id, region, httpUrl }) => {
      const { peer } = config.nodes.find((node) => node.id === id)!;
      const endpoints = [formatAddress(peer)];
      const sdk = await connect({ endpoints, requestTimeoutMs, transactTimeoutMs, signal });
      return { region, sdk, url: httpUrl };
    }),
  );
}

export interface Answer {
  /** Meridian-Causality: the GTID of what was read. */
  readonly token: string | null;
  readonly json: unknown;
}

/** A GET; a DemoError when it is refused. */
export async function ask({ url }: RegionClient, path: string, signal: AbortSignal): Promise<Answer> {
  const response = await fetch(new URL(path, url), { signal });
  if (!response.ok) throw new DemoError(`GET ${path} at ${url}: ${response.status} ${await response.text()}`);
  return { token: response.headers.get('meridian-causality'), json: await response.json() };
}
