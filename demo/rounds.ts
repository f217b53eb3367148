export interface Pair {
  readonly region: string;
  readonly keyspace: string;
}

export interface Homes {
  readonly regions: readonly string[];
  readonly keyspaces: readonly { readonly name: string; readonly home: string }[];
}

/**
 * The pairs of region and keyspace, in rounds whose pairs are measured side by side. Commits at home always alone. With
 * distances, remote commits mostly wait: a round then has one pair for each region and each keyspace, so that every client
 * and every sequencer still sees one commit at a time. Without, each pair is alone.
 */
export function measurementRounds({ regions, keyspaces }: Homes, wan: boolean): Pair[][] {
  const pairs = regions.flatMap((region) =>
    keyspaces.map(({ name, home }) => ({ region, keyspace: name, atHome: home === region })),
  );
  const rounds: Pair[][] = [];
  for (const { atHome, ...pair } of pairs) {
    const fits = (round: readonly Pair[]): boolean =>
      round.every(({ region, keyspace }) => region !== pair.region && keyspace !== pair.keyspace);
    const open = wan && !atHome ? rounds.find((round) => round.every(isRemote) && fits(round)) : undefined;
    if (open === undefined) rounds.push([pair]);
    else open.push(pair);
  }
  return rounds;

  function isRemote({ region, keyspace }: Pair): boolean {
    return pairs.some((one) => one.region === region && one.keyspace === keyspace && !one.atHome);
  }
}
