import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/**
 * The seam of determinism (src/runtime/runtime.ts): time, timers, randomness and the environment are arguments.
 * What is banned is the member, the global and the import, not the call: `const now = Date.now` is caught too.
 */
const throughRuntime =
  'Take it from Runtime (src/runtime/runtime.ts); only src/runtime/system/ may use the real one.';
const ban = (name) => ({ name, message: throughRuntime });
const banMember = (object, property) => ({ object, property, message: throughRuntime });

const timerGlobals = ['setTimeout', 'setInterval', 'setImmediate'].map(ban);
const timerMembers = [banMember('AbortSignal', 'timeout')];
const timerModules = ['node:timers', 'timers', 'node:timers/promises', 'timers/promises'].map(ban);

const clockMembers = [
  banMember('Date', 'now'),
  banMember('performance', 'now'),
  banMember('performance', 'timeOrigin'),
  banMember('process', 'hrtime'),
  banMember('process', 'uptime'),
];
const clockModules = ['node:perf_hooks', 'perf_hooks'].map(ban);
const clockSyntax = [
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: throughRuntime },
  { selector: "CallExpression[callee.name='Date']", message: throughRuntime },
  { selector: "VariableDeclarator > Identifier.init[name='Date']", message: throughRuntime },
];

const seeded = 'A run must be repeatable: draw from a Random with a known seed.';
const mathRandom = { object: 'Math', property: 'random', message: seeded };

const randomNames = [
  'randomUUID',
  'randomBytes',
  'randomInt',
  'randomFill',
  'randomFillSync',
  'getRandomValues',
  'webcrypto',
];
const randomMembers = randomNames.map((property) => ({ property, message: throughRuntime }));
const randomModules = [
  ...['node:crypto', 'crypto'].map((name) => ({ name, importNames: randomNames, message: throughRuntime })),
  {
    name: 'uuidv7',
    importNames: ['uuidv7', 'uuidv7obj', 'uuidv4', 'uuidv4obj'],
    message: `${throughRuntime} V7Generator takes time and randomness as arguments.`,
  },
];

const byEdges = 'Only src/runtime/system/, src/server/, src/local/ and src/cli/ know the process.';
const processMembers = ['env', 'argv', 'cwd', 'exit'].map((property) => ({
  object: 'process',
  property,
  message: byEdges,
}));
const processModules = ['node:process', 'process'].map((name) => ({ name, message: byEdges }));

const testRunner = 'A test runs or it is not there: no skip, only, todo, runIf or expected failures.';
const noSkippedTests = [
  {
    selector: 'MemberExpression[property.name=/^(skip|skipIf|runIf|only|todo|fails)$/]',
    message: testRunner,
  },
  {
    selector: 'MemberExpression[computed=true] > Literal[value=/^(skip|skipIf|runIf|only|todo|fails)$/]',
    message: testRunner,
  },
  {
    selector:
      'CallExpression[callee.name=/^(it|test|describe|suite)$/] > ObjectExpression > Property[key.name=/^(skip|only|todo|fails)$/]',
    message: testRunner,
  },
  {
    selector: 'ArrowFunctionExpression > ObjectPattern > Property[key.name=/^(skip|todo)$/]',
    message: testRunner,
  },
];

/** Unit tests share their modules with the other files of their process: a mock would reach those, or come too late. */
const noModuleMocks = {
  selector: "CallExpression[callee.object.name='vi'][callee.property.name=/^(mock|doMock|resetModules)$/]",
  message: 'Pass it in, or see test/support/: files of unit tests share one process and its modules.',
};

const globalsRule = (globals) => ['error', { globals, checkGlobalObject: true, globalObjects: ['global'] }];
const importsRule = (paths) => ['error', { paths }];

const everywhere = ['src/**/*.ts', 'test/**/*.ts', 'demo/**/*.ts', 'bench/**/*.ts', '*.config.ts'];
const tests = ['src/**/*.test.ts', 'test/**/*.ts'];

/** Rules for the parts of src that touch the outside; `members` and `modules` are what stays banned there. */
const determinism = ({ globals = timerGlobals, members, modules, syntax = clockSyntax }) => ({
  'no-restricted-globals': globals.length === 0 ? 'off' : globalsRule(globals),
  'no-restricted-properties': ['error', mathRandom, ...members],
  'no-restricted-imports': modules.length === 0 ? 'off' : importsRule(modules),
  'no-restricted-syntax': syntax.length === 0 ? 'off' : ['error', ...syntax],
});

const core = {
  members: [...clockMembers, ...timerMembers, ...randomMembers, ...processMembers],
  modules: [...clockModules, ...timerModules, ...randomModules, ...processModules],
};
const edges = {
  members: [...clockMembers, ...timerMembers, ...randomMembers],
  modules: [...clockModules, ...timerModules, ...randomModules],
};
const local = {
  globals: [],
  members: [...clockMembers, ...randomMembers],
  modules: [...clockModules, ...randomModules],
};
/** Programs and tests around src: real time is theirs, unseeded randomness is not. */
const around = { globals: [], members: [], modules: [], syntax: [] };

export default defineConfig(
  { ignores: ['node_modules/', 'dist/', 'data/', 'coverage/', '**/generated/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: everywhere,
    extends: [tseslint.configs.recommended],
    languageOptions: {
      globals: { global: 'readonly' },
      parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false } }],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, allowDefaultCaseForExhaustiveSwitch: true },
      ],
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/max-params': ['error', { max: 4 }],
      eqeqeq: 'error',
      'no-var': 'error',
      'prefer-const': 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      ...determinism(core),
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
      'no-console': 'error',
    },
  },
  { files: ['src/server/**/*.ts'], rules: determinism(edges) },
  { files: ['src/cli/**/*.ts'], rules: { ...determinism(edges), 'no-console': 'off' } },
  { files: ['src/local/**/*.ts'], rules: { ...determinism(local), 'no-console': 'off' } },
  {
    files: ['src/runtime/system/**/*.ts'],
    rules: { ...determinism(around), 'no-restricted-properties': 'off' },
  },
  { files: ['test/**/*.ts', 'demo/**/*.ts', 'bench/**/*.ts'], rules: determinism(around) },
  {
    files: tests,
    rules: {
      'max-lines-per-function': 'off',
      '@typescript-eslint/no-unused-expressions': 'error',
    },
  },
  // A later 'no-restricted-syntax' replaces an earlier one, so tests inside src repeat what src bans.
  {
    files: ['src/**/*.test.ts'],
    rules: { 'no-restricted-syntax': ['error', ...clockSyntax, ...noSkippedTests, noModuleMocks] },
  },
  {
    files: ['test/**/*.ts', 'src/runtime/system/**/*.test.ts'],
    rules: { 'no-restricted-syntax': ['error', ...noSkippedTests] },
  },
  { files: ['**/*.js', '**/*.mjs', '**/*.cjs'], extends: [tseslint.configs.recommended] },
  {
    files: ['**/*.cjs'],
    rules: { '@typescript-eslint/no-require-imports': 'off', 'no-undef': 'off' },
  },
);
