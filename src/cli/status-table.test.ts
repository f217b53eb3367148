import { describe, expect, it } from 'vitest';
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
const lines = statusText(readClusterView({ ...cluster, ...keyspaces }), {
  url: 'http://127.0.0.1:8102',
  paint: plain,
}).split('\n');
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
  const text = statusText(readClusterView({ nodes: [{ node: 7 }, null], keyspaces: [{}] }), {
    url: 'url',
    paint: plain,
  });
  expect(text).toContain('│ ?      │ ?');
});

describe('of copies', () => {
  const kept = { oldestPosition: 1234, entriesBytes: 67_108_864, outcomes: 12_345, outcomesBytes: 900 };
  const check = {
    ...{ mark: 'm', position: 7, seqno: 1230, verdict: 'equal', detail: 'all of 3 nodes agree' },
    startedMs: Date.UTC(2026, 10, 22, 5, 44, 37),
  };
  const join = {
    ...{ by: 'snapshot', why: 'the store is empty and 200,000 entries are ahead', donor: 'us-east' },
    ...{ phase: 'copying', bytes: 12_000_000, bytesTotal: 30_000_000, bytesPerSecond: 5_872_026 },
  };
  const [keyspace] = keyspaces.keyspaces;
  const shown = (more: object, others: object[] = []): string[] =>
    statusText(readClusterView({ ...cluster, keyspaces: [{ ...keyspace, ...more }] }), {
      url: 'url',
      paint: plain,
      others: others.map((one) => readClusterView(one as Record<string, unknown>)),
    }).split('\n');

  it('says nothing where there is nothing to say', () => {
    expect(lines.join('\n')).not.toMatch(/kept|check|↓/);
  });

  it('has a row of what is kept, and the last verdict', () => {
    const cells = (text: string[]) =>
      text.filter((line) => /64\.0 MiB/.test(line)).map((line) => line.split('│').map((cell) => cell.trim()));
    expect(cells(shown({ kept, check }))).toEqual([
      [
        '',
        'default',
        '64.0 MiB',
        '1,234',
        '12,345 (900 B)',
        'equal at commit 1,230, 2026-11-22 05:44:37 UTC',
        '',
      ],
    ]);
    expect(cells(shown({ kept }))[0]?.[5]).toBe('none');
  });

  it('shows how far a copy is, how fast, and why it is taken, at whichever node', () => {
    const expected = [
      '↓ default at eu-west: copying from us-east  ████████░░░░░░░░░░░░  40 %  11.4 MiB of about 28.6 MiB, 5.6 MiB/s',
      '  by snapshot: the store is empty and 200,000 entries are ahead',
    ];
    expect(shown({ join })).toEqual(expect.arrayContaining(expected));
    const other = {
      node: 'ap-south',
      keyspaces: [{ name: 'eu', join: { ...join, bytesTotal: undefined, heldUpBy: 'no donor answers' } }],
    };
    expect(shown({}, [other])).toEqual(
      expect.arrayContaining([
        '↓ eu at ap-south: copying from us-east  11.4 MiB, 5.6 MiB/s',
        '  waits: no donor answers',
      ]),
    );
  });

  it('forgets a copy that has come', () => {
    expect(shown({ join: { ...join, phase: 'done' } }).join('\n')).not.toContain('↓');
  });

  it('ends with a difference that a check found', () => {
    const differs = { ...check, verdict: 'differs', detail: 'eu-west differs from us-east' };
    expect(shown({ check: differs }).at(-2)).toBe(
      '! default: the last check found a difference. eu-west differs from us-east',
    );
  });
});
