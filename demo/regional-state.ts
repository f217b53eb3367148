import { setTimeout as pause } from 'node:timers/promises';
import { unnoticedChanges } from './alterations.js';
import { takeCensus, type Census } from './census.js';
import type { CityRecord } from './cities.js';
import { ask, type RegionClient } from './region-client.js';
import { hashRecords, recordOf, type ListedEntry, type StateRecord } from './state-records.js';

/** A keyspace in one region: what its node says, and what an independent reader found. */
export interface RegionalState {
  readonly region: string;
  readonly keyspace: string;
  /** The node's word. */
  readonly node: { readonly hash: string; readonly keys: number; readonly gtid: string };
  /** Computed from all pages of the list; undefined when they do not belong to the node's GTID. */
  readonly readerHash: string | undefined;
  readonly census: Census;
  /** What could change in a record without changing the reader's hash. */
  readonly unnoticed: readonly string[];
}

export async function inspectState(
  client: RegionClient,
  keyspace: string,
  { loaded, signal }: { readonly loaded: readonly CityRecord[]; readonly signal: AbortSignal },
): Promise<RegionalState> {
  const asked = await ask(client, `/v1/keyspaces/${keyspace}/state-hash`, signal);
  const node = asked.json as RegionalState['node'];
  const { records, gtids } = await listAll(client, keyspace, signal);
  const hash = hashRecords(records);
  const middle = records.length >> 1;
  const counter = records.findIndex(({ content }) => content.kind === 'counter');
  return {
    ...{ region: client.region, keyspace, node },
    readerHash: [...gtids].every((gtid) => gtid === node.gtid) ? hash : undefined,
    census: takeCensus(records, loaded),
    unnoticed: [middle, counter]
      .filter((at) => records[at] !== undefined)
      .flatMap((at) => unnoticedChanges(records, at, hash)),
  };
}

interface Page {
  readonly entries: readonly ListedEntry[];
  readonly cursor?: string;
}

async function listAll(
  client: RegionClient,
  keyspace: string,
  signal: AbortSignal,
): Promise<{ records: StateRecord[]; gtids: Set<string | null> }> {
  const records: StateRecord[] = [];
  const gtids = new Set<string | null>();
  let cursor: string | undefined;
  do {
    const place = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const path = `/v1/keyspaces/${keyspace}/keys?encoding=base64&limit=1000${place}`;
    const { token, json } = await ask(client, path, signal);
    gtids.add(token);
    const page = json as Page;
    for (const entry of page.entries) records.push(recordOf(entry));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return { records, gtids };
}

const settleMsMax = 60_000;

interface Keyspaces {
  readonly keyspaces: readonly { readonly name: string; readonly applied: number; readonly tail: number }[];
}

/** Waits until all regions have applied the same and nothing is under way; false when that takes too long. */
export async function settled(clients: readonly RegionClient[], signal: AbortSignal): Promise<boolean> {
  const untilMs = performance.now() + settleMsMax;
  while (performance.now() < untilMs) {
    const views = await Promise.all(clients.map((client) => progressOf(client, signal)));
    if (views.every((view) => view !== undefined && view === views[0])) return true;
    await pause(100, undefined, { signal });
  }
  return false;
}

/** The seqno of every keyspace; undefined while something that the node knows of is not applied. */
async function progressOf(client: RegionClient, signal: AbortSignal): Promise<string | undefined> {
  const { keyspaces } = (await ask(client, '/v1/keyspaces', signal)).json as Keyspaces;
  if (keyspaces.some(({ applied, tail }) => applied < tail)) return undefined;
  return keyspaces.map(({ name, applied }) => `${name} ${applied}`).join(', ');
}
