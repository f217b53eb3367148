/** The tidy rules as functions: a file in, what is wrong with it out. `undefined` means nothing. */

export interface SourceFile {
  /** Relative to the root of the repository, with `/`. */
  readonly path: string;
  readonly text: string;
}

export interface Rule {
  readonly name: string;
  appliesTo(path: string): boolean;
  violation(file: SourceFile): string | undefined;
}

const codeFolders = /^(src|test|demo|bench|scripts)\//;
const isGenerated = (path: string): boolean => path.split('/').includes('generated');
const isCode = (path: string): boolean =>
  codeFolders.test(path) && /\.(ts|mjs|cjs|js)$/.test(path) && !isGenerated(path);
const isTest = (path: string): boolean => path.endsWith('.test.ts') || path.startsWith('test/');
const lineOf = (text: string, index: number): number => text.slice(0, index).split('\n').length;

function firstMatch(text: string, pattern: RegExp): string | undefined {
  const match = pattern.exec(text);
  return match === null ? undefined : `line ${lineOf(text, match.index)}: ${match[0].trim()}`;
}

export const linesMax = 400;

const short: Rule = {
  name: `a file has fewer than ${linesMax} lines`,
  appliesTo: isCode,
  violation({ text }) {
    const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
    return lines < linesMax ? undefined : `${lines} lines`;
  },
};

const vague = /^(manager|helper|util|utility|utilitie|common|handler|misc)s?\d*$/;

const telling: Rule = {
  name: 'a name says what the thing is',
  appliesTo: (path) => codeFolders.test(path) && !isGenerated(path),
  violation: ({ path }) => path.split(/[/.\-_]/).find((word) => vague.test(word.toLowerCase())),
};

const kebabCase: Rule = {
  name: 'names are in kebab-case',
  appliesTo: (path) => codeFolders.test(path) && !isGenerated(path) && !/\/(README|RESULTS)\.md$/.test(path),
  violation: ({ path }) =>
    path.split('/').find((name) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/.test(name)),
};

const finished: Rule = {
  name: 'what is left to do stands in no comment',
  appliesTo: (path) => path.startsWith('src/') && !isGenerated(path),
  violation: ({ text }) => firstMatch(text, /\b(TODO|FIXME|XXX|HACK)\b/),
};

const endsWithNewline: Rule = {
  name: 'a file ends with one newline',
  appliesTo: isCode,
  violation: ({ text }) => (/[^\n]\n$/.test(text) ? undefined : 'does not end with one newline'),
};

const portable: Rule = {
  name: 'no path of one machine',
  appliesTo: (path) => /\.(ts|mjs|cjs|js|json|ya?ml|md|proto|sh)$|^Makefile$|^\.ci\//.test(path),
  violation: ({ text }) =>
    firstMatch(text, /(?<![\w.\-/}])(\/(root|home|Users|work)\/[\w.-]+|[A-Z]:\\Users\\)/) ??
    firstMatch(text, /\.\.\/shared\b/),
};

const fixedWaits: readonly RegExp[] = [
  /\bsleep(Ms|For)?\s*\(/,
  /\btimers\/promises\b/,
  /new Promise(<[^>]*>)?\(\s*\(\w+\)\s*=>\s*\{?\s*(void )?setTimeout\(/,
  /\bsetTimeout\(\s*(r|res|resolve|done)\s*,/,
  /\bdelay\(\s*systemTimers\b/,
  /\bAtomics\.wait\(/,
];

const waitsForConditions: Rule = {
  name: 'a test waits for a condition (test/support/eventually.ts), never for a time',
  appliesTo: (path) =>
    isCode(path) &&
    isTest(path) &&
    path !== 'test/support/eventually.ts' &&
    !path.startsWith('test/tidy/') &&
    // The real timers are tested with the real time.
    !path.startsWith('src/runtime/system/'),
  violation: ({ text }) => fixedWaits.map((pattern) => firstMatch(text, pattern)).find(Boolean),
};

const isRun: Rule = {
  name: 'every test file belongs to a stage of `make test`',
  appliesTo: (path) => /\.(test|spec)\.\w+$/.test(path),
  violation: ({ path }) =>
    /^(src|bench|test\/(support|golden|tidy|conformance|simulation|system))\/.*\.test\.ts$/.test(path)
      ? undefined
      : 'no stage runs it',
};

export const rules: readonly Rule[] = [
  short,
  telling,
  kebabCase,
  finished,
  endsWithNewline,
  portable,
  waitsForConditions,
  isRun,
];

const isAdr = (path: string): boolean =>
  /^docs\/adr\/.*\.md$/.test(path) && !/\/(README|template)\.md$/i.test(path);

/** Violations over all decisions in docs/adr: each has a number of its own, a date and the alternatives. */
export function adrViolations(files: readonly SourceFile[]): string[] {
  const adrs = files.filter(({ path }) => isAdr(path));
  if (adrs.length === 0) return ['docs/adr: there is no decision'];
  const byNumber = new Map<number, string>();
  return adrs.flatMap(({ path, text }) => {
    const digits = /^docs\/adr\/(\d{4})-[a-z0-9-]+\.md$/.exec(path)?.[1];
    if (digits === undefined) return [`${path}: the name is not NNNN-words.md`];
    const number = Number(digits);
    const twin = byNumber.get(number);
    byNumber.set(number, path);
    return [
      ...(twin === undefined ? [] : [`${path}: has the number of ${twin}`]),
      ...(/^\W*Date\W*\d{4}-\d{2}-\d{2}\b/im.test(text) ? [] : [`${path}: no line "Date: YYYY-MM-DD"`]),
      ...(/\balternatives\b/i.test(text) ? [] : [`${path}: no "Alternatives"`]),
    ];
  });
}

/** One line for each file that breaks the rule. */
export function violations(rule: Rule, files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path }) => rule.appliesTo(path))
    .flatMap((file) => {
      const found = rule.violation(file);
      return found === undefined ? [] : [`${file.path}: ${found}`];
    });
}
