import { expect, it } from 'vitest';
import { adrViolations, linesMax, rules, violations, type SourceFile } from './rules.js';

const lines = (count: number): string => 'x;\n'.repeat(count);
const file = (path: string, text = 'x;\n'): SourceFile => ({ path, text });

/** The names of the rules that a file breaks, by their first words. */
const broken = (path: string, text?: string): string[] =>
  rules.filter((rule) => violations(rule, [file(path, text)]).length > 0).map((rule) => rule.name);

const one = (words: string) => [expect.stringContaining(words) as unknown];

it('accepts an ordinary file', () => {
  expect(broken('src/model/write-set.ts', 'export const util = "a helper, /v1/home/x";\n')).toEqual([]);
  expect(broken('src/model/ids.test.ts', 'await eventually(() => ready);\n')).toEqual([]);
});

it('bounds the lines of a file, generated ones excepted', () => {
  expect(broken('src/model/a.ts', lines(linesMax - 1))).toEqual([]);
  expect(broken('src/model/a.ts', lines(linesMax))).toEqual(one('fewer than'));
  expect(broken('src/transport/generated/Long_Name.ts', lines(linesMax))).toEqual([]);
});

it.each(['src/util/a.ts', 'src/model/key-helpers.ts', 'demo/common.ts', 'src/api/error-handler2.ts'])(
  'finds no meaning in %s',
  (path) => {
    expect(broken(path)).toEqual(one('says what'));
  },
);

it.each(['src/model/writeSet.ts', 'src/Model/a.ts', 'test/support/my_file.ts'])(
  'wants kebab-case of %s',
  (path) => {
    expect(broken(path)).toEqual(one('kebab-case'));
  },
);

it.each(['TODO', 'FIXME', 'XXX', 'HACK'])('finds %s in src', (word) => {
  expect(broken('src/model/a.ts', `x; // ${word}: later\n`)).toEqual(one('left to do'));
});

it.each(['x;', 'x;\n\n', ''])('wants one newline at the end of %j', (text) => {
  expect(broken('src/model/a.ts', text)).toEqual(one('newline'));
});

it.each(['/home', '/root', '/Users', '/work'])('finds paths below %s', (folder) => {
  expect(broken('docs/guide.md', `cd ${folder}/someone/meridian\n`)).toEqual(one('one machine'));
});

it.each([
  'await sleep(100);',
  'await new Promise((resolve) => setTimeout(resolve, 50));',
  'await new Promise<void>((go) => { setTimeout(go, 50); });',
  "import { setTimeout as wait } from 'node:timers/promises';",
  'await delay(systemTimers, 5);',
])('finds the fixed wait in a test: %s', (text) => {
  expect(broken('test/system/kill.test.ts', `${text}\n`)).toEqual(one('waits for a condition'));
  expect(broken('src/model/a.test.ts', `${text}\n`)).toEqual(one('waits for a condition'));
});

it.each(['test/other/a.test.ts', 'demo/a.test.ts', 'src/model/a.spec.ts'])(
  'finds that nothing runs %s',
  (path) => {
    expect(broken(path)).toEqual(one('stage'));
  },
);

it('wants of a decision a number of its own, a date and alternatives', () => {
  const good = '# 1. One order\n\nDate: 2026-11-21\n\n## Alternatives\n';
  expect(adrViolations([file('docs/adr/0001-one-order.md', good)])).toEqual([]);
  expect(adrViolations([])).toHaveLength(1);
  const bad = [
    file('docs/adr/0001-one-order.md', good),
    file('docs/adr/0001-two-orders.md', good),
    file('docs/adr/0002-dateless.md', '## Alternatives\n'),
    file('docs/adr/0003-sure.md', '- **Date:** 2026-11-21\n'),
    file('docs/adr/third.md', good),
  ];
  expect(adrViolations(bad)).toEqual([
    'docs/adr/0001-two-orders.md: has the number of docs/adr/0001-one-order.md',
    'docs/adr/0002-dateless.md: no line "Date: YYYY-MM-DD"',
    'docs/adr/0003-sure.md: no "Alternatives"',
    'docs/adr/third.md: the name is not NNNN-words.md',
  ]);
});
