import { undocumentedLabels } from '@headgate/testkit/documented-metrics';
import { lintMetrics } from '@headgate/testkit/lint-metrics';
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { reportPools } from './cluster-metrics.ts';

it('has the labels that its documentation says, and keeps the conventions of Prometheus', async () => {
  const registry = new Registry();
  const report = reportPools(registry, { info: () => undefined, warn: () => undefined });
  report.scaled('big', 1);
  report.coldStarted('big', { scale: 0.1, start: 2, load: 3, answer: 0.2 });
  const page = await registry.metrics();
  expect(page).toContain('headgate_pool_scalings_total{model="big",direction="up"} 1\n');
  expect([undocumentedLabels(page), lintMetrics(page, 'headgate_')]).toEqual([[], []]);
});
