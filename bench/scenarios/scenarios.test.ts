import { expect, it } from 'vitest';
import { clientsPerRegion, regionNames } from '../model.js';
import { scenarios } from './index.js';
import { forms, pointsOf } from './scenario.js';

it('every form measures commits, local and causal reads, hot counters both ways and transfers', () => {
  for (const form of forms) {
    const operations = scenarios
      .flatMap((scenario) => pointsOf(scenario, form))
      .map(({ operation }) => operation);
    expect(new Set(operations)).toEqual(
      new Set(['put', 'get', 'causal-get', 'sum', 'increment', 'transfer']),
    );
  }
});

it('the full form has 1, 16, 64 and 256 clients on one region and on three, with and without distances', () => {
  const commits = pointsOf(
    scenarios.find(({ name }) => name === 'commits')!,
    'full',
  );
  for (const network of ['lan', 'wan'])
    for (const place of ['home', 'all'])
      expect(
        commits
          .filter((point) => point.network === network && point.place === place)
          .map((point) => point.clients),
      ).toEqual(place === 'home' ? [1, 16, 64, 256] : [3, 16, 64, 256]);
});

it('no point stands in a form twice', () => {
  for (const form of forms) {
    const points = scenarios
      .flatMap((scenario) => pointsOf(scenario, form))
      .map((point) => JSON.stringify(point));
    expect(new Set(points).size).toBe(points.length);
  }
});

it('clients are spread evenly, none is lost', () => {
  expect(clientsPerRegion({ place: 'all', clients: 256 })).toEqual([86, 85, 85]);
  expect(clientsPerRegion({ place: 'all', clients: 192 })).toEqual(regionNames.map(() => 64));
  expect(clientsPerRegion({ place: 'near', clients: 16 })).toEqual([16]);
});
