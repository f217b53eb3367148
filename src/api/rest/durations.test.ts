import { Histogram, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { DurationHistogram } from './durations.js';

it('shows what a histogram of prom-client shows', async () => {
  const [ours, theirs] = [new Registry(), new Registry()];
  const [name, help] = ['request_seconds', 'How long requests take.'];
  const buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
  const made = new DurationHistogram(name, help, ours);
  const model = new Histogram({ name, help, labelNames: ['method'], buckets, registers: [theirs] });
  for (const method of ['GET', 'PUT']) {
    const series = made.series({ method });
    for (const valueS of [0, 0.0005, 0.00051, 0.02, 0.02, 10, 11, method.length]) {
      series.observe(valueS);
      model.observe({ method }, valueS);
    }
  }
  const lines = (text: string) => text.replaceAll(/\{.*\}/g, (labels) => sorted(labels)).split('\n');
  expect(lines(await ours.metrics())).toEqual(lines(await theirs.metrics()));
});

function sorted(labels: string): string {
  return labels.slice(1, -1).split(',').sort().join(',');
}
