/** One thing wrong with the configuration. */
export interface ConfigProblem {
  /** The file's path as given, or `environment`. */
  readonly file: string;
  /** 1-based; undefined for the environment, or when there is no place to point at. */
  readonly line?: number | undefined;
  /** Like `keyspaces.eu.home`, or a variable's name; empty for the file as a whole. */
  readonly setting: string;
  /** What is wrong, and what is allowed. */
  readonly message: string;
}

/** `problems` is not empty, and holds all that could be found at once. */
export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

export function formatProblem({ file, line, setting, message }: ConfigProblem): string {
  const place = line === undefined ? file : `${file}:${line}`;
  return setting === '' ? `${place}: ${message}` : `${place}: ${setting}: ${message}`;
}

/** For a sentence that ends "…; allowed: a, b". */
export function allowed(values: Iterable<string>): string {
  return `allowed: ${[...values].join(', ')}`;
}
