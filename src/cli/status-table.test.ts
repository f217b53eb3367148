import { expect, it } from 'vitest';
import { readClusterView } from './cluster-view.js';
import { statusText } from './status-table.js';

const replica = (name: string, applied: number, state = 'synced') => ({ name, state, applied });
const cluster = {
  cluster: 'meridian',
  node: 'eu-west',
  region: 'eu-west',
  nodes: [
    { node: 'eu-west', region: 'eu-west', reachable: true, keyspaces: [replica('default', 1234)] },
    {
      node: 'us-east',
      region: 'us-east',
      reachable: true,
      roundTripMs: 80.42,
      clockSkewMs: -1.25,
      keyspaces: [replica('default', 1230, 'catching-up')],
    },
    { node: 'ap-south', region: 'ap-south', reachable: false, keyspaces: [replica('default', 1000)] },
  ],
};
const keyspaces = {
  keyspaces: [
    {
      name: 'default',
      home: 'us-east',
      log: 'embedded',
      epoch: 3,
      sequencer: 'us-east',
      state: 'synced',
      applied: 1234,
      tail: 1236,
      detail: 'two entries under way',
    },
  ],
};

const plain = (_: unknown, text: string): string => text;
const lines = statusText(readClusterView({ ...cluster, ...keyspaces }), 'http://127.0.0.1:8102', plain).split(
  '\n',
);
const row = (start: string) =>
  lines
    .find((line) => line.startsWith(`│ ${start}`))
    ?.split('│')
    .map((cell) => cell.trim())
    .filter((cell) => cell !== '');

it('says whose view it is', () => {
  expect(lines[0]).toBe('meridian as eu-west sees it, http://127.0.0.1:8102');
});

it('has a row per node, with round trips as the asked node measures them', () => {
  expect(row('eu-west')).toEqual(['eu-west', 'eu-west', 'up', '–', '–']);
  expect(row('us-east')).toEqual(['us-east', 'us-east', 'up', '80.4 ms', '-1.3 ms']);
  expect(row('ap-south')).toEqual(['ap-south', 'ap-south', 'unreachable', '?', '?']);
});

it('has a row per keyspace, with state and lag at every node', () => {
  expect(row('default')).toEqual([
    'default',
    'us-east',
    'us-east',
    '3',
    '1,236',
    'synced, 2 behind',
    'catching-up, 6 behind',
    'synced, 236 behind?',
  ]);
});

it('ends with what is not well', () => {
  expect(lines.filter((line) => line.startsWith('!'))).toEqual([
    '! ap-south (ap-south) cannot be reached from eu-west; what is shown of it is old.',
    '! default at eu-west: two entries under way',
  ]);
});

it('colours nothing itself', () => {
  expect(lines.join('')).not.toContain('\u001b');
});

it('shows what it does not understand as unknown', () => {
  const text = statusText(readClusterView({ nodes: [{ node: 7 }, null], keyspaces: [{}] }), 'url', plain);
  expect(text).toContain('│ ?      │ ?');
});
