const root = 'meridian/simulated/';
const positionBytes = 8;

/** Under which a keyspace has its keys in etcd. */
export function prefixOf(keyspace: string): string {
  return `${root}${keyspace}/`;
}

export interface EtcdKeyParts {
  readonly keyspace: string;
  /** `leader`, `genesis`, `forgotten`, or `log`. */
  readonly kind: string;
  /** Of a `log` key. */
  readonly position: number;
}

/** What a key stands for; undefined when it lies elsewhere. */
export function partsOf(key: Buffer): EtcdKeyParts | undefined {
  const text = key.toString('latin1');
  if (!text.startsWith(root)) return undefined;
  const [keyspace, kind] = text.slice(root.length).split('/', 2);
  if (keyspace === undefined || kind === undefined) return undefined;
  const isSlot = kind === 'log' && text.length === root.length + keyspace.length + 1 + 4 + positionBytes;
  return { keyspace, kind, position: isSlot ? Number(key.readBigUInt64BE(key.length - positionBytes)) : NaN };
}

export function slotKey(keyspace: string, position: number): Buffer {
  const place = Buffer.alloc(positionBytes);
  place.writeBigUInt64BE(BigInt(position));
  return Buffer.concat([Buffer.from(`${prefixOf(keyspace)}log/`, 'latin1'), place]);
}
