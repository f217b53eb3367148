import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Absolute path of a file of the project's `proto/` folder, which stands at the root, above `src/` and `dist/src/`. */
export function protoFile(path: string): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const candidate = join(folder, 'proto', path);
    if (existsSync(candidate)) return candidate;
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`proto/${path} is in no folder above ${import.meta.url}`);
    folder = parent;
  }
}

export const peerProto = 'meridian/v1/peer.proto';
export const publicProto = 'meridian/v1/meridian.proto';
