import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

/** Every promise names the tests that hold it; a test that was renamed or removed must not leave a promise alone. */
it('every promise in guarantees.md is held by tests that are there', () => {
  const text = readFileSync('docs/concepts/guarantees.md', 'utf8');
  const promised = text.slice(text.indexOf('## Promised'), text.indexOf('## Not promised'));
  const promises = promised.split('\n\n').filter((block) => block.startsWith('**'));
  expect(promises.length).toBeGreaterThan(8);
  for (const promise of promises) {
    const files = [...promise.matchAll(/`((?:test|src)\/[^`]+\.test\.ts)`/g)].map((match) => match[1]!);
    expect(files, promise).not.toEqual([]);
    expect(files.filter((file) => !existsSync(file))).toEqual([]);
  }
});
