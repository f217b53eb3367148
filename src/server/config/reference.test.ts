import { readFileSync } from 'node:fs';
import type { TSchema } from 'typebox';
import { describe, expect, it } from 'vitest';
import { foreignVariables, nodeVariables } from './environment.js';
import { clusterSchema, nodeSchema } from './schema.js';

const page = readFileSync('docs/guides/operations.md', 'utf8');

/** The first column of the table below a heading. */
function column(heading: string): string[] {
  const section = page.split(`\n### ${heading}`)[1]?.split('\n## ')[0]?.split('\n### ')[0] ?? '';
  return [...section.matchAll(/^\| `([^`]+)`/gm)].map((match) => match[1]!);
}

/** Every setting that has a value of its own; `names` are what stands for the free names of a record, outermost first. */
function settings(schema: TSchema, names: string[], path = ''): string[] {
  const part = schema as {
    properties?: Record<string, TSchema>;
    patternProperties?: Record<string, TSchema>;
    items?: TSchema;
  };
  const below = (name: string): string => (path === '' ? name : `${path}.${name}`);
  if (part.properties !== undefined)
    return Object.entries(part.properties).flatMap(([name, inner]) => settings(inner, names, below(name)));
  if (part.patternProperties !== undefined)
    return settings(Object.values(part.patternProperties)[0]!, names, below(`<${names.shift()}>`));
  const ofObjects = (part.items as typeof part | undefined)?.properties !== undefined;
  return ofObjects ? [path, ...settings(part.items!, names, `${path}[]`)] : [path];
}

describe('the reference has every setting and no other', () => {
  it('of the cluster file', () => {
    const names = ['region', 'keyspace', 'region', 'region'];
    expect(column('`regions/cluster.yaml`').sort()).toEqual(settings(clusterSchema, names).sort());
  });

  it("of a node's file", () => {
    expect(column('`regions/<region>.yaml`').sort()).toEqual(settings(nodeSchema, []).sort());
  });

  it('of the environment', () => {
    expect(column('Environment').sort()).toEqual([...nodeVariables, ...foreignVariables].sort());
  });
});
