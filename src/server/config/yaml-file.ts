import { readFile } from 'node:fs/promises';
import type { Static, TSchema } from 'typebox';
import { Errors } from 'typebox/schema';
import { Settings } from 'typebox/system';
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Document } from 'yaml';
import { allowed, type Checked, type ConfigProblem } from './problem.js';

/** Names, and numbers of places in a list, from the file's root to a setting. */
export type SettingPath = readonly (string | number)[];

export interface YamlFile<T> {
  readonly value: T;
  /** A problem with the setting at `path`, with its line. */
  problem(path: SettingPath, message: string): ConfigProblem;
}

/** More than a file has settings: every problem is told at once. */
const problemsMax = 1000;
const fileBytesMax = 1024 * 1024;

/** Reads and checks one file. What the schema cannot say is for the caller to check. */
export async function readYamlFile<S extends TSchema>(
  file: string,
  schema: S,
): Promise<Checked<YamlFile<Static<S>>>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'there is no such file' : `cannot be read: ${message}`;
    return { ok: false, problems: [{ file, setting: '', message: reason }] };
  }
  return parseYamlFile(file, text, schema);
}

export function parseYamlFile<S extends TSchema>(
  file: string,
  text: string,
  schema: S,
): Checked<YamlFile<Static<S>>> {
  if (text.length > fileBytesMax)
    return { ok: false, problems: [{ file, setting: '', message: 'is larger than 1 MiB' }] };
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  if (document.errors.length > 0)
    return {
      ok: false,
      problems: document.errors.map((error) => ({
        file,
        line: lines.linePos(error.pos[0]).line,
        setting: '',
        message: `is not valid YAML: ${error.message}`,
      })),
    };
  const problem = (path: SettingPath, message: string): ConfigProblem => {
    const offset = locate(document, path);
    const line = offset === undefined ? undefined : lines.linePos(offset).line;
    return { file, line, setting: formatPath(path), message };
  };
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    return { ok: false, problems: [problem([], `is not valid YAML: ${(error as Error).message}`)] };
  }
  const problems = check(schema, value).map(({ path, message }) => problem(path, message));
  return problems.length > 0
    ? { ok: false, problems }
    : { ok: true, value: { value: value as Static<S>, problem } };
}

/** The offset of the last node on the way to `path` that exists. */
function locate(document: Document, path: SettingPath): number | undefined {
  let node: unknown = document.contents;
  let offset: number | undefined;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => (isScalar(key) ? String(key.value) : key) === String(step));
      if (pair === undefined) break;
      offset = isScalar(pair.key) ? pair.key.range?.[0] : offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      offset = (node as { range?: [number] } | undefined)?.range?.[0] ?? offset;
    } else break;
  }
  return offset;
}

export function formatPath(path: SettingPath): string {
  return path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : text === '' ? step : `${text}.${step}`),
    '',
  );
}

interface SchemaError {
  readonly keyword: string;
  readonly schemaPath: string;
  readonly instancePath: string;
  readonly params: object;
}

/** A schema's `description` says what is allowed there, as the end of "must be …"; `secret` keeps what stands there out of messages. */
function check(schema: TSchema, value: unknown): { path: SettingPath; message: string }[] {
  const before = Settings.Get().maxErrors;
  Settings.Set({ maxErrors: problemsMax });
  try {
    const [, errors] = Errors(schema, value);
    return (errors as unknown as SchemaError[]).flatMap((error) => explain(schema, value, error));
  } finally {
    Settings.Set({ maxErrors: before });
  }
}

function explain(
  schema: TSchema,
  root: unknown,
  error: SchemaError,
): { path: SettingPath; message: string }[] {
  const path = pathOf(root, pointer(error.instancePath));
  const at = resolve(schema, pointer(error.schemaPath.slice(1)));
  const params = error.params as {
    additionalProperties?: string[];
    requiredProperties?: string[];
  };
  switch (error.keyword) {
    case 'boolean':
      return [];
    case 'additionalProperties':
      return (params.additionalProperties ?? []).map((name) => ({
        path: [...path, name],
        message: `unknown setting; ${allowed(Object.keys((at?.['properties'] as object | undefined) ?? {}))}`,
      }));
    case 'required':
      return (params.requiredProperties ?? []).map((name) => ({
        path: [...path, name],
        message: `is missing; it must be ${description((at?.['properties'] as Record<string, Described>)[name])}`,
      }));
    default:
      return [{ path, message: `must be ${description(at)}${found(at, valueAt(root, path))}` }];
  }
}

type Described = Record<string, unknown> | undefined;

function description(schema: Described): string {
  return typeof schema?.['description'] === 'string' ? schema['description'] : 'of another form';
}

function found(schema: Described, value: unknown): string {
  if (schema?.['secret'] === true) return '';
  const text = JSON.stringify(value) ?? String(value);
  return `, not ${text.length > 80 ? `${text.slice(0, 80)}…` : text}`;
}

function pointer(text: string): string[] {
  return text
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function resolve(schema: TSchema, steps: readonly string[]): Described {
  return valueAt(schema, steps) as Described;
}

function valueAt(root: unknown, path: SettingPath): unknown {
  return path.reduce<unknown>((value, step) => (value as Record<string, unknown> | undefined)?.[step], root);
}

function pathOf(root: unknown, steps: readonly string[]): SettingPath {
  let value = root;
  return steps.map((step) => {
    const index = Array.isArray(value) ? Number(step) : step;
    value = (value as Record<string, unknown>)[step];
    return index;
  });
}
