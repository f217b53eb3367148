import type { Network, Protocol, RegionName } from '../model.js';
import type { Undo } from '../run/undo.js';

/** Servers of one kind, one in each region. */
export interface System {
  /** `host:port` of the region's own server for clients of `protocol`. */
  address(protocol: Protocol, region: RegionName): string;
  /** Server processes by name. */
  readonly pids: ReadonlyMap<string, number>;
  readonly version: string;
  /** Called before every point: what has to hold for it, as where the leader is. */
  prepare?(network: Network): Promise<void>;
}

/** Where the servers are: their regions, and a network between these. */
export interface Bed {
  /** In front of a program that is to run in the region; empty: on this machine as it is. */
  commandIn(region: RegionName): readonly string[];
  /** Undefined when the bed has no such server. */
  system(protocol: Protocol): System | undefined;
  /** The process that emulates the WAN, when it is not the runner itself. */
  readonly emulatorPid: number | undefined;
  setNetwork(network: Network): Promise<void>;
}

/** Where servers of one kind are started. */
export interface Place {
  /** For their data and logs. */
  readonly directory: string;
  /** In front of a program that is to run in the n-th region, from 1. */
  readonly commandIn: (n: number) => readonly string[];
  /** Takes what ends them, as soon as something was started. */
  readonly undo: Undo;
}
