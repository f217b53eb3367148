import { readFile } from 'node:fs/promises';

/** The version in package.json, found upwards from here: sources and what is built lie at different depths. */
export async function packageVersion(): Promise<string> {
  for (const path of ['../../../package.json', '../../../../package.json']) {
    const text = await readFile(new URL(path, import.meta.url), 'utf8').catch(() => undefined);
    if (text === undefined) continue;
    const { name, version } = JSON.parse(text) as { name?: string; version?: string };
    if (name === 'meridian' && version !== undefined) return version;
  }
  throw new Error('package.json of meridian is not where it was installed');
}
