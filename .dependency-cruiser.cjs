/**
 * Imports point one way (see ARCHITECTURE.md). Every folder of src names the folders that it may import; a folder that is
 * not named here may not exist. Test files beside their source are free of the layers, not of the ban on cycles.
 */
const lowest = ['model'];
const pure = [...lowest, 'certification', 'runtime'];
const adapters = [...pure, 'transport', 'storage'];
const log = [...adapters, 'ordering'];
const roles = [...log, 'sequencer', 'replica', 'transfer'];
const node = [...roles, 'transaction', 'maintenance', 'api'];

/** folder → what it may import beside itself. Siblings do not appear in each other's lists. */
const mayImport = {
  model: [],
  certification: lowest,
  runtime: lowest,
  transport: pure,
  storage: pure,
  ordering: adapters,
  sequencer: log,
  replica: log,
  transfer: log,
  transaction: roles,
  maintenance: [...roles, 'transaction'],
  api: [...roles, 'transaction', 'maintenance'],
  server: node,
  local: [...node, 'server', 'client'],
  client: ['model', 'transport', 'runtime'],
  // `meridian start` and `meridian init` start a node.
  cli: ['model', 'transport', 'runtime', 'client', 'server'],
};

const isTest = '\\.test\\.ts$';
const folders = (names) => `^src/(${names.join('|')})/`;

const layers = Object.entries(mayImport).map(([folder, allowed]) => ({
  name: `layer-${folder}`,
  comment: `src/${folder} may import ${allowed.length === 0 ? 'nothing else of src' : allowed.join(', ')}.`,
  severity: 'error',
  from: { path: folders([folder]), pathNot: isTest },
  to: { path: '^src/', pathNot: folders([folder, ...allowed]) },
}));

module.exports = {
  forbidden: [
    ...layers,
    {
      name: 'no-cycles',
      comment: 'A cycle has no order to read it in; types count as well.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'unknown-folder',
      comment: 'Every file of src lives in a folder that has its place in the order of imports.',
      severity: 'error',
      from: { path: '^src/', pathNot: folders(Object.keys(mayImport)) },
      to: {},
    },
    {
      name: 'src-stands-alone',
      comment: 'What runs in production knows no test, demo or benchmark.',
      severity: 'error',
      from: { path: '^src/', pathNot: isTest },
      to: { path: ['^(test|demo|bench|scripts)/', isTest] },
    },
    {
      name: 'demo-stands-alone',
      comment: 'The demo is built and run without the tests.',
      severity: 'error',
      from: { path: '^demo/', pathNot: isTest },
      to: { path: '^(test|bench)/' },
    },
    {
      name: 'real-runtime-at-the-edges',
      comment:
        'The real clock, timers and randomness are chosen where programs begin (an app begins at `connect`), and passed on as arguments.',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: ['^src/(runtime/system|server|cli|local)/', '^src/client/connect\\.ts$', isTest],
      },
      to: { path: '^src/runtime/system/' },
    },
    {
      name: 'pure-folders-do-no-io',
      comment: 'What decides is a function of its arguments.',
      severity: 'error',
      from: { path: folders(['model', 'certification']), pathNot: isTest },
      to: {
        dependencyTypes: ['core'],
        path: '^(node:)?(fs|net|http|http2|https|tls|dns|dgram|os|process|child_process|cluster|worker_threads|timers)(/|$)',
      },
    },
    {
      name: 'no-dev-dependency-in-src',
      comment: 'An installation without devDependencies must run.',
      severity: 'error',
      from: { path: '^src/', pathNot: isTest },
      to: { dependencyTypes: ['npm-dev'], pathNot: 'node_modules/@types/' },
    },
    {
      name: 'nothing-undeclared',
      comment: 'A package that is imported stands in package.json, and a path leads to a file.',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'unknown', 'undetermined'] },
    },
    {
      name: 'nothing-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    doNotFollow: { path: ['node_modules', '(^|/)dist/'] },
    exclude: { path: ['(^|/)dist/'] },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json', '.d.ts'],
    },
  },
};
