import { clientsPerRegion, regionsOf } from '../../bench/model.js';
import type { PointResult } from '../../bench/results.js';

/** A measurement with what matters to the test, and zeros. */
export function pointResult(parts: Partial<PointResult>): PointResult {
  const { place = 'home', clients = 1, perSecond = 0 } = parts;
  const latencyMs = parts.latencyMs ?? { p50: 0, p90: 0, p99: 0, p999: 0, max: 0 };
  const counts = clientsPerRegion({ place, clients });
  return {
    scenario: 'commits',
    operation: 'put',
    network: 'lan',
    place,
    clients,
    protocol: 'http',
    perSecond,
    latencyMs,
    regions: regionsOf(place).map((region, i) => ({
      region,
      clients: counts[i]!,
      perSecond: perSecond / counts.length,
      latencyMs,
      loadCpuPercent: 0,
    })),
    triesPerOperation: 1,
    failures: {},
    entriesPerSecond: undefined,
    flushesPerSecond: 0,
    serverCpuPercent: {},
    serverCpuMicros: 0,
    loadCpuMicros: 0,
    stealPercent: 0,
    foreignCpuPercent: 0,
    check: undefined,
    ...parts,
  };
}
