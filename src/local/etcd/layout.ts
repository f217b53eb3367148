import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseObject } from '../../client/http.js';
import { formatAddress, type Address } from '../../server/config/address.js';
import { ClusterStartError } from '../start-error.js';
import { initialClusterToken } from './etcd-member.js';

/** Where one member listens. */
export interface EtcdPorts {
  readonly client: number;
  readonly peer: number;
}

export const memberCount = 3;
const host = '127.0.0.1';
const firstPort = 12_379;

export const memberName = (i: number): string => `etcd-${i + 1}`;
export const loopback = (port: number): Address => ({ host, port });

/** Consecutive ports from `first` on: client and peer of each member. */
export function etcdPortsFrom(first: number = firstPort): EtcdPorts[] {
  return Array.from({ length: memberCount }, (_, i) => ({ client: first + 2 * i, peer: first + 2 * i + 1 }));
}

export function initialClusterOf(peers: readonly number[]): string {
  return peers.map((port, i) => `${memberName(i)}=${peerUrl(port)}`).join(',');
}

/** The id that etcd gives a member when it begins: of its peer URL and the cluster's token. Decimal. */
export function memberIdOf(peer: number): string {
  const hash = createHash('sha1')
    .update(`${peerUrl(peer)}${initialClusterToken}`)
    .digest();
  return hash.readBigUInt64BE(0).toString();
}

function peerUrl(port: number): string {
  return `http://${formatAddress(loopback(port))}`;
}

const noteName = 'etcd.json';

/** Kept beside the members' data. */
export interface EtcdNote {
  /** etcd keeps the addresses that its members began with, so later starts use the same. */
  readonly peers: readonly number[];
  /** Whether every keyspace's history has been begun in it. */
  readonly begun: boolean;
}

/** Undefined when this data is of no cluster with etcd. */
export async function readNote(dataDirectory: string): Promise<EtcdNote | undefined> {
  const path = join(dataDirectory, noteName);
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (bytes === undefined) return undefined;
  const note = parseObject(bytes);
  const { peers, begun } = note ?? {};
  const isPorts = (value: unknown): value is number[] =>
    Array.isArray(value) && value.length === memberCount && value.every(Number.isSafeInteger);
  if (!isPorts(peers) || typeof begun !== 'boolean')
    throw new ClusterStartError(`${path} is not what a local cluster with etcd wrote there.`);
  return { peers, begun };
}

export async function writeNote(dataDirectory: string, note: EtcdNote): Promise<void> {
  await writeFile(join(dataDirectory, noteName), `${JSON.stringify(note)}\n`);
}
