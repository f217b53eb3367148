import type { Census } from './census.js';
import type { RegionalState } from './regional-state.js';
import type { DemoReport, Expected } from './report.js';

/** One thing that must hold. */
export interface Finding {
  readonly claim: string;
  /** What speaks against it; it holds when there is nothing. */
  readonly against: readonly string[];
}

const inPlace = ({ region, keyspace }: RegionalState): string => `${keyspace} in ${region}`;

/** Everything that must hold at the end of the demo. */
export function judge(report: DemoReport): Finding[] {
  const { states } = report;
  const each = (claim: string, complaint: (state: RegionalState) => string | undefined): Finding => ({
    claim,
    against: states.flatMap((state) => {
      const found = complaint(state);
      return found === undefined ? [] : [`${inPlace(state)}: ${found}`];
    }),
  });
  const counted = (claim: string, count: (census: Census) => number, due: (expected: Expected) => number) =>
    each(claim, ({ keyspace, census }) => {
      const [is, should] = [count(census), due(report.expected.get(keyspace)!)];
      return is === should ? undefined : `${is}, not ${should}`;
    });
  return [
    complete(report),
    { claim: 'every region has applied everything', against: report.settled ? [] : ['not within a minute'] },
    oneHash(report),
    each('a reader of the API computes the same hash', ({ node, readerHash }) =>
      readerHash === node.hash ? undefined : (readerHash ?? 'the state changed while it was read'),
    ),
    each('the hash changes with any byte of what it covers', ({ unnoticed }) =>
      unnoticed.length === 0 ? undefined : `not with its ${unnoticed.join(', ')}`,
    ),
    each('the reader finds as many records as the node', ({ node, census }) =>
      node.keys === census.records ? undefined : `${census.records}, not ${node.keys}`,
    ),
    counted(
      'every city is there, byte for byte',
      ({ cities }) => cities,
      ({ cities }) => cities,
    ),
    counted(
      'the total of the accounts is conserved',
      (census) => census.accountsTotal,
      (expected) => expected.accountsTotal,
    ),
    counted(
      'every transfer told as committed is there once',
      (census) => census.receipts,
      (expected) => expected.transfers,
    ),
    counted(
      'the counter of transfers has counted each once',
      (census) => census.transfers,
      (expected) => expected.transfers,
    ),
    counted(
      'every measured commit is there',
      (census) => census.measured,
      (expected) => expected.measured,
    ),
    each('there is nothing else', ({ census }) =>
      census.strange.length === 0
        ? undefined
        : `${census.strange.length} keys, the first ${census.strange[0]}`,
    ),
  ];
}

/** Nothing was left out: no claim holds for want of a region to look at. */
function complete({ regions, keyspaces, states }: DemoReport): Finding {
  const seen = new Set(states.map(inPlace));
  const missing = regions.flatMap((region) =>
    keyspaces.map(({ name }) => `${name} in ${region}`).filter((place) => !seen.has(place)),
  );
  return { claim: 'every keyspace was inspected in every region', against: missing };
}

function oneHash({ keyspaces, states }: DemoReport): Finding {
  const against = keyspaces.flatMap(({ name }) => {
    const found = states
      .filter(({ keyspace }) => keyspace === name)
      .map(({ region, node }) => ({ region, state: `${node.hash} at ${node.gtid}` }));
    if (new Set(found.map(({ state }) => state)).size <= 1) return [];
    return found.map(({ region, state }) => `${name} in ${region}: ${state}`);
  });
  return { claim: 'every keyspace has one state hash in all regions', against };
}

export function holds(findings: readonly Finding[]): boolean {
  return findings.every(({ against }) => against.length === 0);
}
