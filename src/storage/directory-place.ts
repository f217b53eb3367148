import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { limits } from '../model/limits.js';
import type { Clock } from '../runtime/runtime.js';
import { probeDisk } from './disk-probe.js';
import { openLevelDatabase } from './level-database.js';
import type { StorePlace } from './store-place.js';
import type { Database } from './store.js';

/** What a place does to the disk; each call is durable when it resolves. */
export interface PlaceFiles {
  /** Names in a directory, which is made when it is not there. */
  names(directory: string): Promise<readonly string[]>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a directory with all that is in it. */
  remove(directory: string): Promise<void>;
  /** What was made in a directory is found after a power loss. */
  sync(directory: string): Promise<void>;
}

export const diskFiles: PlaceFiles = {
  async names(directory) {
    await mkdir(directory, { recursive: true });
    return readdir(directory);
  },
  async rename(from, to) {
    await rename(from, to);
    await syncDirectory(dirname(to));
  },
  async remove(directory) {
    await rm(directory, { recursive: true, force: true });
    await syncDirectory(dirname(directory));
  },
  sync: syncDirectory,
};

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * The current database lies in `directory`, others beside it: an incoming copy in `<directory>.incoming`, those set aside
 * in `<directory>.set-aside-<UTC time of the exchange>`; `<directory>.probe` is there while the disk is tried. One process at a time.
 */
export function directoryPlace(
  directory: string,
  clock: Pick<Clock, 'nowMs'>,
  files: PlaceFiles = diskFiles,
): StorePlace {
  return new DirectoryPlace(directory, clock, files);
}

/**
 * An exchange is three renames: incoming → next, which is the decision; current → dropped or set aside; next → current. The
 * name of `next` says what becomes of the current one, so that whoever finds it after a crash can do the rest.
 */
class DirectoryPlace implements StorePlace {
  readonly #current: string;
  readonly #parent: string;
  readonly #name: string;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #files: PlaceFiles;

  constructor(directory: string, clock: Pick<Clock, 'nowMs'>, files: PlaceFiles) {
    this.#current = directory;
    this.#parent = dirname(directory);
    this.#name = basename(directory);
    this.#clock = clock;
    this.#files = files;
  }

  async openCurrent(): Promise<Database> {
    const beside = await this.#settled();
    if (beside.has(probed)) await this.#files.remove(this.#beside(probed));
    return this.#open(this.#current, beside.has(''));
  }

  probe(): Promise<void> {
    return probeDisk(this.#current, this.#beside(probed));
  }

  async openIncoming(): Promise<Database> {
    const beside = await this.#settled();
    return this.#open(this.#beside(incoming), beside.has(incoming));
  }

  async #open(directory: string, isThere: boolean): Promise<Database> {
    const database = await openLevelDatabase(directory);
    if (!isThere) await this.#files.sync(this.#parent);
    return database;
  }

  async dropIncoming(): Promise<void> {
    const beside = await this.#settled();
    if (!beside.has(incoming)) return;
    await this.#files.rename(this.#beside(incoming), this.#beside(dropped));
    await this.#files.remove(this.#beside(dropped));
  }

  async exchange({ setAside }: { readonly setAside: boolean }): Promise<string | undefined> {
    const beside = await this.#settled();
    const aside = setAside && beside.has('') ? this.#freeAside(beside) : undefined;
    // LevelDB does not make the names of its newest files durable by itself.
    await this.#files.sync(this.#beside(incoming));
    await this.#files.rename(this.#beside(incoming), this.#beside(next + (aside ?? '')));
    await this.#settled();
    return aside === undefined ? undefined : this.#name + aside;
  }

  async setAside(): Promise<readonly string[]> {
    const beside = await this.#settled();
    const suffixes = [...beside].filter((suffix) => suffix.startsWith(asidePrefix)).sort();
    return suffixes.slice(-limits.setAsideNamedMax).map((suffix) => this.#name + suffix);
  }

  #freeAside(beside: ReadonlySet<string>): string {
    const time = new Date(this.#clock.nowMs()).toISOString().replace(/[-:]|\.\d+/g, '');
    for (let count = 1; ; count++) {
      const suffix = `${asidePrefix}${time}${count === 1 ? '' : `-${count}`}`;
      if (!beside.has(suffix)) return suffix;
    }
  }

  /** Finishes what a crash cut off; what is then there, by the suffixes of its names ('' is the current database). */
  async #settled(): Promise<Set<string>> {
    const beside = await this.#suffixes();
    if (beside.has(dropped)) await this.#files.remove(this.#beside(dropped));
    const decided = [...beside].find((suffix) => suffix === next || suffix.startsWith(next + asidePrefix));
    if (decided === undefined) {
      beside.delete(dropped);
      return beside;
    }
    if (beside.has('')) {
      const aside = decided.slice(next.length);
      await this.#files.rename(this.#current, this.#beside(aside === '' ? dropped : aside));
    }
    await this.#files.rename(this.#beside(decided), this.#current);
    return this.#settled();
  }

  async #suffixes(): Promise<Set<string>> {
    const names = await this.#files.names(this.#parent);
    const mine = names.filter((name) => name === this.#name || name.startsWith(`${this.#name}.`));
    return new Set(mine.map((name) => name.slice(this.#name.length)));
  }

  #beside(suffix: string): string {
    return join(this.#parent, this.#name + suffix);
  }
}

const incoming = '.incoming';
const next = '.next';
const dropped = '.dropped';
const probed = '.probe';
const asidePrefix = '.set-aside-';
