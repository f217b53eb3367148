import { readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const src = fileURLToPath(new URL('../', import.meta.url));

/** `from '…'` of imports and exports that are there at run time. */
const specifiers = /^(?:import|export)\s+(?!type\b)[^;]*?from\s+'([^']+)'|^import\s+'([^']+)'/gm;

function importsOf(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(specifiers)].map((match) => (match[1] ?? match[2])!);
}

/** Every file and package that `import 'meridian/client'` loads. */
function graph(): { readonly files: ReadonlySet<string>; readonly packages: ReadonlySet<string> } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const waiting = [resolve(src, 'client/index.ts')];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    for (const specifier of importsOf(file)) {
      if (specifier.startsWith('.')) waiting.push(resolve(dirname(file), specifier.replace(/\.js$/, '.ts')));
      else packages.add(specifier);
    }
  }
  return { files, packages };
}

it('loads no code of the server, and few packages', () => {
  const { files, packages } = graph();
  const folders = new Set([...files].map((file) => relative(src, file).split('/')[0]));
  expect([...folders].sort()).toEqual(['client', 'model', 'runtime', 'transport']);
  expect([...packages].filter((name) => !name.startsWith('node:')).sort()).toEqual([
    '@grpc/grpc-js',
    'protobufjs/minimal.js',
  ]);
  expect(files.size).toBeLessThan(80);
});

it('does not load the HTTP client, nor the messages between nodes', () => {
  const files = [...graph().files].map((file) => relative(src, file));
  expect(files).toContain('client/session.ts');
  expect(
    files.filter((file) => /^client\/http\.ts$|^transport\/messages\/(?!peer-message-error)/.test(file)),
  ).toEqual([]);
});
