import { readFileSync, readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { expect, it } from 'vitest';
import { adrViolations, rules, violations, type SourceFile } from './rules.js';

const root = join(import.meta.dirname, '..', '..');
const notOurs = ['node_modules', '.git', 'dist', 'data', 'coverage', 'package-lock.json'];

function filesBelow(folder: string, left: readonly string[] = []): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !left.includes(entry.name))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return filesBelow(path);
      return entry.isFile() ? [path] : [];
    });
}

const files: readonly SourceFile[] = filesBelow(root, notOurs).map((path) => ({
  path: relative(root, path).split(sep).join('/'),
  text: readFileSync(path, 'utf8'),
}));

it('sees the sources', () => {
  expect(files.map((file) => file.path)).toEqual(
    expect.arrayContaining(['src/runtime/runtime.ts', 'Makefile']),
  );
});

for (const rule of rules) {
  it(rule.name, () => {
    expect(violations(rule, files)).toEqual([]);
  });
}

it('every decision in docs/adr has a number of its own, a date and its alternatives', () => {
  expect(adrViolations(files)).toEqual([]);
});
