import { readFile } from 'node:fs/promises';
import { every, type Cancel, type Runtime } from '../runtime/runtime.js';
import { formatProblem } from './config/problem.js';

/** Where the configuration names PEM files, for messages. */
export interface PemPlace {
  readonly file: string;
  /** Of the object that has a setting per file, like `tls`. */
  readonly setting: string;
}

export type Pem<Name extends string> = Readonly<Record<Name, Buffer>>;

const lookAgainMs = 60_000;

/** Files that were read once and may be replaced by others while the node runs. */
export class PemFiles<Name extends string> {
  readonly #place: PemPlace;
  readonly #paths: Readonly<Record<Name, string>>;
  #pem: Pem<Name>;

  /** Rejects with an Error that names setting and file. `check` throws when what was read is of no use. */
  static async read<Name extends string>(
    place: PemPlace,
    paths: Readonly<Record<Name, string>>,
    check: (pem: Pem<Name>) => void,
  ): Promise<PemFiles<Name>> {
    const pem = await readAll(place, paths);
    try {
      check(pem);
    } catch (error) {
      const message = `the PEM files are of no use: ${(error as Error).message}`;
      throw new Error(formatProblem({ ...place, message }), { cause: error });
    }
    return new PemFiles(place, paths, pem);
  }

  private constructor(place: PemPlace, paths: Readonly<Record<Name, string>>, pem: Pem<Name>) {
    this.#place = place;
    this.#paths = paths;
    this.#pem = pem;
  }

  /** As used now. */
  get pem(): Pem<Name> {
    return this.#pem;
  }

  /**
   * Looks at the files every minute, and gives what has changed to `use`. As long as that throws, or a file cannot be
   * read, what was used before is used on, and the log says why.
   */
  watch({ timers, logger }: Pick<Runtime, 'timers' | 'logger'>, use: (pem: Pem<Name>) => void): Cancel {
    return every(timers, lookAgainMs, () => {
      void this.renew(use).then(
        (renewed) => {
          if (renewed) logger.info({ setting: this.#place.setting }, 'new certificates are in use');
        },
        (error: unknown) => {
          logger.warn({ error, setting: this.#place.setting }, 'the certificates are not renewed');
        },
      );
    });
  }

  /** One look; whether there was something new. Rejects with what `use` throws, or with why a file cannot be read. */
  async renew(use: (pem: Pem<Name>) => void): Promise<boolean> {
    const read = await readAll(this.#place, this.#paths);
    const names = Object.keys(read) as Name[];
    if (names.every((name) => read[name].equals(this.#pem[name]))) return false;
    use(read);
    this.#pem = read;
    return true;
  }
}

async function readAll<Name extends string>(
  { file, setting }: PemPlace,
  paths: Readonly<Record<Name, string>>,
): Promise<Pem<Name>> {
  const read = await Promise.all(
    (Object.entries(paths) as [Name, string][]).map(async ([name, path]) => {
      try {
        return [name, await readFile(path)] as const;
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        const reason = code === 'ENOENT' ? `there is no file ${path}` : `${path} cannot be read: ${message}`;
        throw new Error(formatProblem({ file, setting: `${setting}.${name}`, message: reason }), {
          cause: error,
        });
      }
    }),
  );
  return Object.fromEntries(read) as Pem<Name>;
}
