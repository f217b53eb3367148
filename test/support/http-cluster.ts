import type { LocalCluster } from '../../src/local/cluster.js';
import { eventually } from './eventually.js';
import { HttpClient, type Json } from './http-client.js';

/** One client per node, by the node's id. */
export function clientsOf(cluster: Pick<LocalCluster, 'nodes'>): ReadonlyMap<string, HttpClient> {
  return new Map(cluster.nodes.map(({ id, httpUrl }) => [id, new HttpClient(httpUrl)]));
}

/** Waits until a node takes writes in one keyspace. */
export async function takesWrites(http: HttpClient, keyspace: string): Promise<void> {
  const path = `/readyz?for=write&keyspace=${keyspace}`;
  const isReady = async (): Promise<boolean> =>
    (await http.json({ path, timeoutMs: 2000 })).status === 'ready';
  await eventually(isReady, { withinMs: 60_000, everyMs: 50, what: `${path} to be ready` });
}

/** A node's own view of a keyspace. */
export async function statusOf(http: HttpClient, keyspace: string): Promise<Json> {
  const { keyspaces } = await http.json({ path: '/v1/keyspaces' });
  return keyspaces.find(({ name }: { name: string }) => name === keyspace);
}

/** Waits until every node has the same state at the same GTID, and returns its hash. */
export async function sameHash(clients: Iterable<HttpClient>, keyspace: string): Promise<string> {
  const all = [...clients];
  const ask = async (): Promise<string | false> => {
    const path = `/v1/keyspaces/${keyspace}/state-hash`;
    const answers = await Promise.all(all.map((http) => http.json({ path })));
    const states = new Set(answers.map(({ hash, gtid }) => `${hash} ${gtid}`));
    return states.size === 1 ? (answers[0].hash as string) : false;
  };
  return eventually(ask, { withinMs: 60_000, everyMs: 100, what: `one hash of ${keyspace} at all nodes` });
}
