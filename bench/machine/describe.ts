import { execFileSync } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { packageRoot } from '../../src/local/package-root.js';

export interface MachineDescription {
  readonly cpus: string;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  /** Where the data of all stores was, and what kind of file system it is. */
  readonly dataDirectory: string;
  readonly fileSystem: string;
  /** Of the working tree; ends in `+` when it had changes. */
  readonly commit: string;
}

/** Magic numbers of statfs(2). */
const fileSystems: Readonly<Record<number, string>> = {
  0xef53: 'ext4',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x794c7630: 'overlayfs',
  0x01021994: 'tmpfs',
  0x858458f6: 'ramfs',
};

export function fileSystemOf(directory: string): string {
  const { type } = statfsSync(directory);
  return fileSystems[type] ?? `0x${type.toString(16)}`;
}

/** Throws when nothing there survives a power cut: fsync would cost nothing. */
export function refuseMemory(directory: string): void {
  const kind = fileSystemOf(directory);
  if (kind === 'tmpfs' || kind === 'ramfs')
    throw new Error(`${directory} is in memory (${kind}); name a directory on a real disk with DATA=`);
}

export function describeMachine(dataDirectory: string): MachineDescription {
  return {
    cpus: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.versions.node,
    dataDirectory,
    fileSystem: fileSystemOf(dataDirectory),
    commit: commit(),
  };
}

function commit(): string {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, { cwd: packageRoot, stdio: ['ignore', 'pipe', 'ignore'] })
        .toString()
        .trim();
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '-uno') === '' ? '' : '+');
  } catch {
    return 'unknown';
  }
}
