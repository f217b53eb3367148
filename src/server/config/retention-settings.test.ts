import { describe, expect, it } from 'vitest';
import { limits } from '../../model/limits.js';
import { defaultRetention } from '../../model/retention.js';
import { parseClusterFile } from './cluster-file.js';
import { formatProblem } from './problem.js';

const file = `name: local
regions: { east: { nodes: [{ id: east, http: '127.0.0.1:1', peer: '127.0.0.1:2' }] } }
keyspaces: { default: { home: east } }
`;
const mib = 1024 * 1024;

function read(more: string) {
  const parsed = parseClusterFile('cluster.yaml', file + more);
  if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join('\n'));
  return parsed.value;
}

function told(more: string): string {
  const parsed = parseClusterFile('cluster.yaml', file + more);
  return parsed.ok ? '' : parsed.problems.map(formatProblem).join('\n');
}

describe('what is kept', () => {
  it('is the default where the file says nothing', () => {
    expect(read('').retention).toEqual(defaultRetention);
  });

  it('is what the file says, fractions too', () => {
    const retention =
      'retention: { entriesMiB: 1.5, entriesMiBMin: 0.5, entriesHours: 0.25, outcomesMiB: 2, outcomesHours: 0.5, outcomesMinutesMin: 0.5 }';
    expect(read(retention).retention).toEqual({
      entriesBytesMin: mib / 2,
      entriesBytesMax: 1.5 * mib,
      entriesMsMax: 15 * 60_000,
      outcomesBytesMax: 2 * mib,
      outcomesMsMin: 30_000,
      outcomesMsMax: 30 * 60_000,
    });
  });

  it('has a lower default where the file leaves no room for it', () => {
    expect(read('retention: { entriesMiB: 8, outcomesHours: 0.1 }').retention).toMatchObject({
      entriesBytesMin: 8 * mib,
      outcomesMsMin: 6 * 60_000,
    });
  });

  it.each([
    [
      'entriesMiB: 0.5',
      'cluster.yaml:4: retention.entriesMiB: must be MiB of entries that a node keeps at most, from 1 to 1048576; fractions too, not 0.5',
    ],
    ['entriesMiB: x', 'retention.entriesMiB: must be MiB of entries'],
    ['entriesMib: 8', 'retention.entriesMib: unknown setting; allowed: entriesMiB, entriesMiBMin'],
    [
      'entriesMiBMin: 2048',
      'cluster.yaml:4: retention.entriesMiBMin: 2048 is above entriesMiB, which is 1024',
    ],
    ['entriesHours: 0', 'retention.entriesHours: must be hours'],
    ['outcomesHours: 25', 'retention.outcomesHours: must be hours that outcomes are kept at most'],
    [
      'outcomesHours: 0.1, outcomesMinutesMin: 7',
      'retention.outcomesMinutesMin: 7 is longer than outcomesHours, which is 0.1',
    ],
    ['outcomesMiB: .inf', 'retention.outcomesMiB: must be MiB'],
  ])('is refused as %s', (settings, message) => {
    expect(told(`retention: { ${settings} }`)).toContain(message);
  });

  it('cannot be asked for longer than ids are taken', () => {
    expect(read('retention: { outcomesHours: 24 }').retention.outcomesMsMax).toBe(limits.outcomesMsMax);
  });
});

describe('consistency checks', () => {
  it.each([
    ['', 3_600_000],
    ['checks: {}', 3_600_000],
    ['checks: { everyMinutes: 0 }', 0],
    ['checks: { everyMinutes: 0.5 }', 30_000],
  ])('%j come as often as it says', (settings, ms) => {
    expect(read(settings).checksEveryMs).toBe(ms);
  });

  it.each(['-1', '0.01', '10081', 'never'])('every %s minutes are refused', (minutes) => {
    expect(told(`checks: { everyMinutes: ${minutes} }`)).toContain(
      'cluster.yaml:4: checks.everyMinutes: must be',
    );
  });
});
