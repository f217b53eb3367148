import { accountCount, hotCounterCount, keyCount, valueBytes, type Operation } from '../model.js';
import type { Once } from './closed-loop.js';
import type { SeededRandom } from './seeded-random.js';
import type { Session, Updated } from './store.js';

const committed: Updated = { kind: 'committed', tries: 1 };

export function dataKey(i: number): string {
  return `key${String(i).padStart(8, '0')}`;
}

/** Counters of a `sum` are another kind of value than the text that read-modify-write leaves: their keys differ. */
export function hotKeys(operation: Operation, run: string): string[] {
  const [name, count] = operation === 'transfer' ? ['account', accountCount] : [operation, hotCounterCount];
  return Array.from({ length: count }, (_, i) => `${run}/${name}${i}`);
}

/** Values of 100 bytes that do not compress well, different ones. */
export function valueSource(random: SeededRandom): () => Buffer {
  const pool = Buffer.from(Array.from({ length: 65_536 }, () => 33 + random.below(94)));
  return () => {
    const start = random.below(pool.length - valueBytes);
    return pool.subarray(start, start + valueBytes);
  };
}

/** What a client of `session` does again and again. */
export function onceOf(
  { operation, run }: { readonly operation: Operation; readonly run: string },
  session: Session,
  { random, value }: { readonly random: SeededRandom; readonly value: () => Buffer },
): Once {
  const hot = hotKeys(operation, run);
  switch (operation) {
    case 'put':
      return async () => {
        await session.put(dataKey(random.below(keyCount)), value());
        return committed;
      };
    case 'get':
    case 'causal-get':
      return async () => {
        const found = await session.get(dataKey(random.below(keyCount)), operation === 'causal-get');
        if (found?.length !== valueBytes) throw new Error(`read ${found?.length ?? 'no'} bytes`);
        return committed;
      };
    case 'sum':
      return async () => {
        await session.sum!(hot[random.below(hot.length)]!, 1);
        return committed;
      };
    case 'increment':
      return atNextKeys(
        () => [hot[random.below(hot.length)]!],
        (keys) => session.update(keys, ([count]) => [count! + 1]),
      );
    case 'transfer':
      return atNextKeys(
        () => twoOf(hot, random),
        (keys) => session.update(keys, ([from, to]) => [from! - 1, to! + 1]),
      );
  }
}

/** A try that follows a conflict keeps its keys. */
function atNextKeys(
  choose: () => readonly string[],
  update: (keys: readonly string[]) => Promise<Updated>,
): Once {
  let keys: readonly string[] | undefined;
  return async () => {
    const chosen = (keys ??= choose());
    keys = undefined;
    const updated = await update(chosen);
    if (updated.kind === 'conflict') keys = chosen;
    return updated;
  };
}

function twoOf(keys: readonly string[], random: SeededRandom): string[] {
  const from = random.below(keys.length);
  const to = (from + 1 + random.below(keys.length - 1)) % keys.length;
  return [keys[from]!, keys[to]!];
}
