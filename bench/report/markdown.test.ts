import { expect, it } from 'vitest';
import { pointResult } from '../../test/support/point-result.js';
import type { PointResult, RunResult } from '../results.js';
import { markdownReport } from './markdown.js';
import { markdownTable, short } from './table.js';

const runOf = (...points: readonly PointResult[]): RunResult => ({
  command: 'make bench (short)',
  date: '2026-11-22T02:00:00.000Z',
  machine: {
    cpus: '2 × Test CPU',
    memoryGiB: 24,
    kernel: '6.1',
    node: '20.20.2',
    dataDirectory: 'data/bench',
    fileSystem: 'ext4',
    commit: 'abc1234+',
  },
  versions: { meridian: 'Meridian 0.1.0', etcd: 'etcd 3.4.23' },
  warmUpS: 2,
  measuredS: 4,
  points,
});

it('a table lines up, keeps its columns apart and puts numbers at the right', () => {
  const table = markdownTable(
    [
      { head: 'a', align: 'left', cell: (row: readonly string[]) => row[0]! },
      { head: 'longer', align: 'right', cell: (row) => row[1]! },
    ],
    [
      ['x', '1'],
      ['p|q', '1,234'],
    ],
  );
  expect(table).toBe('| a    | longer |\n| ---- | -----: |\n| x    |      1 |\n| p\\|q |  1,234 |');
});

it('numbers have three digits that count, or all before the point', () => {
  expect([1942.4, 16.27, 0.265, 0].map(short)).toEqual(['1,942', '16.3', '0.27', '0.00']);
});

it('a report names machine, commit, versions and durations', () => {
  const report = markdownReport(runOf(pointResult({ perSecond: 1234 })));
  expect(report).toContain('# make bench (short)');
  expect(report).toContain('2026-11-22T02:00:00.000Z, commit abc1234+');
  expect(report).toContain('2 × Test CPU, 24 GiB, Linux 6.1, Node.js 20.20.2');
  expect(report).toContain('Meridian 0.1.0; etcd 3.4.23');
  expect(report).toContain('data in data/bench (ext4)');
  expect(report).toContain('4 s per row after 2 s of warm-up');
  expect(report).toMatch(/\| lan \| home +\| +1 \| http +\| +1,234 \|/);
});

it('a report says loudly what does not hold, and which goal is missed', () => {
  const check = { holds: false, text: 'sum 9 of 10 acknowledged' };
  const sums = pointResult({ scenario: 'hot-sums', network: 'wan', place: 'all', clients: 192, check });
  const report = markdownReport(runOf(sums));
  expect(report).toContain('FAILS: sum 9 of 10 acknowledged');
  expect(report).toMatch(/eu-west: rate ÷ \(workers ÷ round trip\) +\| +0\.000 \| at least 0\.8: MISSED/);
});

it('a report beside peers has the ratios and what each acknowledges; one without has neither', () => {
  const ours = pointResult({ perSecond: 300 });
  const beside = markdownReport(runOf(ours, pointResult({ protocol: 'etcd', perSecond: 200 })));
  expect(beside).toMatch(/commits, lan, home, 1 client: http ÷ etcd +\| +1\.500 \|/);
  expect(beside).toContain('What an acknowledged commit rests on');
  expect(markdownReport(runOf(ours))).not.toMatch(/peers|acknowledged commit rests/);
});

it('a report counts what failed, by reason', () => {
  const failures = { 'HTTP 503 SEQUENCER_UNREACHABLE': 3, timeout: 1 };
  const report = markdownReport(runOf(pointResult({ failures })));
  expect(report).toContain('3 × HTTP 503 SEQUENCER_UNREACHABLE; 1 × timeout');
});
