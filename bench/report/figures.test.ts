import { describe, expect, it } from 'vitest';
import { pointResult } from '../../test/support/point-result.js';
import { ownFigures, peerRatios, reaches, shareOfRoundTripRate } from './figures.js';

describe('the share of what the distance allows', () => {
  it('is the rate ÷ (workers ÷ round trip)', () => {
    const region = { region: 'eu-west', clients: 64, perSecond: 640 } as const;
    expect(shareOfRoundTripRate({ network: 'wan' }, region)).toBeCloseTo(640 / (64 / 0.08), 10);
    const far = { region: 'ap-south', clients: 64, perSecond: 640 } as const;
    expect(shareOfRoundTripRate({ network: 'wan' }, far)).toBeCloseTo(640 / (64 / 0.19), 10);
  });

  it('is unknown at the home and without distances, where nothing is allowed or forbidden by them', () => {
    const home = { region: 'us-east', clients: 64, perSecond: 640 } as const;
    expect(shareOfRoundTripRate({ network: 'wan' }, home)).toBeUndefined();
    expect(shareOfRoundTripRate({ network: 'lan' }, { ...home, region: 'eu-west' })).toBeUndefined();
  });
});

describe('ratios beside the peers', () => {
  const point = { scenario: 'commits', network: 'lan', place: 'all', clients: 256 } as const;

  it('are of the same point only', () => {
    const ratios = peerRatios([
      pointResult({ ...point, protocol: 'sdk', perSecond: 6000 }),
      pointResult({ ...point, protocol: 'etcd', perSecond: 1500 }),
      pointResult({ ...point, clients: 64, protocol: 'etcd', perSecond: 1 }),
      pointResult({ ...point, network: 'wan', protocol: 'etcd', perSecond: 2 }),
      pointResult({ ...point, place: 'home', protocol: 'galera', perSecond: 3 }),
    ]);
    expect(ratios).toEqual([
      {
        name: 'commits, lan, all, 256 clients: sdk ÷ etcd',
        value: 4,
        goal: { is: 'at least', value: 3 },
        unit: 'ratio',
      },
    ]);
  });

  it('take the median of several rounds, each side by itself', () => {
    const rounds = (protocol: 'http' | 'galera', ...rates: readonly number[]) =>
      rates.map((perSecond) => pointResult({ ...point, protocol, perSecond }));
    const odd = peerRatios([...rounds('http', 900, 100, 500), ...rounds('galera', 250)]);
    expect(odd[0]!.value).toBe(2);
    const even = peerRatios([...rounds('http', 100, 900, 200, 400), ...rounds('galera', 100, 200)]);
    expect(even[0]!.value).toBe(2);
  });

  it('leave out a peer that did nothing', () => {
    const none = [
      pointResult({ ...point, protocol: 'http', perSecond: 5 }),
      pointResult({ ...point, protocol: 'etcd', perSecond: 0 }),
    ];
    expect(peerRatios(none)).toEqual([]);
  });
});

describe('what Meridian is to reach', () => {
  it('is told of a commit from another region in round trips to the home', () => {
    const latencyMs = { p50: 84, p90: 0, p99: 0, p999: 0, max: 0 };
    const [figure] = ownFigures([
      pointResult({
        scenario: 'commits',
        network: 'wan',
        place: 'near',
        clients: 1,
        protocol: 'sdk',
        latencyMs,
      }),
    ]);
    expect(figure).toMatchObject({ value: 1.05, goal: { is: 'at most', value: 1.05 } });
    expect(reaches(figure!)).toBe(true);
  });

  it('is told of local reads in the rate of the bare fastify of the same run', () => {
    const point = { scenario: 'local-reads', network: 'lan', place: 'near', clients: 64 } as const;
    const figures = ownFigures([
      pointResult({ ...point, protocol: 'fastify', perSecond: 20_000 }),
      pointResult({ ...point, protocol: 'http', perSecond: 16_000 }),
      pointResult({ ...point, protocol: 'sdk', perSecond: 9200 }),
    ]);
    expect(figures.map(({ value }) => value)).toEqual([0.8, 9200]);
    expect(figures.map(reaches)).toEqual([false, true]);
  });

  it('has one figure for several rounds of local reads, of their medians', () => {
    const point = { scenario: 'local-reads', network: 'lan', place: 'near', clients: 64 } as const;
    const figures = ownFigures([
      pointResult({ ...point, protocol: 'fastify', perSecond: 1000 }),
      pointResult({ ...point, protocol: 'http', perSecond: 700 }),
      pointResult({ ...point, protocol: 'http', perSecond: 900 }),
      pointResult({ ...point, protocol: 'fastify', perSecond: 3000 }),
    ]);
    expect(figures.map(({ value }) => value)).toEqual([0.4]);
  });

  it('has no goal for the peers', () => {
    const point = { scenario: 'hot-sums', network: 'wan', place: 'all', clients: 192 } as const;
    expect(ownFigures([pointResult({ ...point, protocol: 'etcd' })])).toEqual([]);
  });
});
