/** The few of etcd's v3 protobuf messages that the load needs, written by hand. */

export interface RangeItem {
  readonly modRevision: number;
  readonly value: Buffer;
}

/** Field numbers of rpc.proto and kv.proto. */
export function putRequest(key: Buffer, value: Buffer): Buffer {
  return Buffer.concat([bytesField(1, key), bytesField(2, value)]);
}

export function rangeRequest(key: Buffer, serializable: boolean): Buffer {
  return serializable ? Buffer.concat([bytesField(1, key), numberField(7, 1)]) : bytesField(1, key);
}

/** Succeeds when the key's last change is still the one of `modRevision`; 0: it is absent. */
export function compareModRevision(key: Buffer, modRevision: number): Buffer {
  const [equal, mod] = [0, 2];
  return Buffer.concat([
    numberField(1, equal),
    numberField(2, mod),
    bytesField(3, key),
    numberField(6, modRevision),
  ]);
}

export function txnRequest(compares: readonly Buffer[], puts: readonly Buffer[]): Buffer {
  return Buffer.concat([
    ...compares.map((compare) => bytesField(1, compare)),
    ...puts.map((put) => bytesField(2, bytesField(2, put))),
  ]);
}

/** The first item of a RangeResponse. */
export function rangeItem(response: Buffer): RangeItem | undefined {
  for (const { field, bytes } of fields(response)) {
    if (field !== 2) continue;
    let modRevision = 0;
    let value: Buffer = Buffer.alloc(0);
    for (const inner of fields(bytes)) {
      if (inner.field === 3) modRevision = inner.number;
      if (inner.field === 5) value = inner.bytes;
    }
    return { modRevision, value };
  }
  return undefined;
}

export function txnSucceeded(response: Buffer): boolean {
  return [...fields(response)].some(({ field, number }) => field === 2 && number === 1);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}

function bytesField(field: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(field << 3) | 2]), varint(bytes.length), bytes]);
}

function numberField(field: number, value: number): Buffer {
  return Buffer.concat([Buffer.from([field << 3]), varint(value)]);
}

interface Field {
  readonly field: number;
  readonly number: number;
  readonly bytes: Buffer;
}

const none = Buffer.alloc(0);

function* fields(message: Buffer): Generator<Field> {
  let at = 0;
  const read = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = read();
    const field = tag >> 3;
    switch (tag & 7) {
      case 0:
        yield { field, number: read(), bytes: none };
        break;
      case 2: {
        const length = read();
        yield { field, number: 0, bytes: message.subarray(at, at + length) };
        at += length;
        break;
      }
      default:
        throw new Error('an unexpected wire type');
    }
  }
}
