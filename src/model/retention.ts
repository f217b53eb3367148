import { limits } from './limits.js';

/**
 * What a node keeps of a keyspace beside its data. Every node trims its own store by it; what the sequencer forgets of
 * outcomes it says in the log (the id floor). All bounds hold whatever other nodes do: no dead node holds one open.
 */
export interface Retention {
  /** Entries of this size, the newest, are kept also when every node holds them: for change feeds and short absences. */
  readonly entriesBytesMin: number;
  /** Above this the oldest entries go, whoever still needs them. */
  readonly entriesBytesMax: number;
  /** Entries older than this in log time go, whoever still needs them, but for the newest `entriesBytesMin`. ms */
  readonly entriesMsMax: number;
  /** Above this the oldest outcomes go, as far as they are older than `outcomesMsMin`. */
  readonly outcomesBytesMax: number;
  /** Outcomes younger than this are never forgotten: when even they are above `outcomesBytesMax`, load is shed. ms */
  readonly outcomesMsMin: number;
  /** Outcomes older than this in log time go. ms */
  readonly outcomesMsMax: number;
}

export const defaultRetention: Retention = {
  entriesBytesMin: limits.entriesBytesMin,
  entriesBytesMax: limits.entriesBytesMax,
  entriesMsMax: limits.entriesMsMax,
  outcomesBytesMax: limits.outcomesBytesMax,
  outcomesMsMin: limits.outcomesMsMin,
  outcomesMsMax: limits.outcomesMsMax,
};
