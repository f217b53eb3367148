import { limits } from '../../src/model/limits.js';

type Name = keyof typeof limits;

/** Sets limits of this process, for a test in which rare paths are to be taken. Returns what sets them back. */
export function steerLimits(wanted: Readonly<Partial<Record<Name, number>>>): () => void {
  const loose = limits as Record<Name, number>;
  const before = { ...loose };
  Object.assign(loose, wanted);
  return () => void Object.assign(loose, before);
}
