import { METRIC } from '@headgate/contracts/names';
import { undocumentedLabels } from '@headgate/contracts/testing/documented-metrics';
import { lintMetrics } from '@headgate/contracts/testing/lint-metrics';
import { beforeEach, describe, expect, it } from 'vitest';
import { ROUTING } from '../testing/app-fixture.ts';
import { createMetrics, exposeState, type Metrics } from './metrics.ts';

/** Metrics of the gateway; the rest of the table belongs to inference. */
const OURS: readonly string[] = Object.values(METRIC).filter((name) =>
  /^headgate_(http|prediction|shed|variant|rate_limited|auth|routing|model_version)/.test(name),
);

let metrics: Metrics;
beforeEach(() => {
  metrics = createMetrics();
  exposeState(metrics.registry, { current: () => ROUTING }, { isReady: () => true });
  metrics.httpRequests.inc({ route: '/predict', method: 'POST', status: 200, reason: 'none' });
  const prediction = { model: 'net', version: '1', variant: 'control' };
  metrics.httpDuration.observe({ route: '/predict' }, 0.1);
  metrics.rateLimited.inc({ scope: 'key', group: 'all' });
  metrics.shedRequests.inc({ model: 'net', version: '1' });
  metrics.authFailures.inc({ reason: 'wrong_key' });
  metrics.predictions.inc({ ...prediction, outcome: 'ok' });
  metrics.predictionDuration.observe(prediction, 0.1);
  metrics.variantFallbacks.inc({ model: 'net', variant: 'control' });
  metrics.routingReloads.inc({ outcome: 'accepted' });
  for (const bytes of [10, 100_000, 30_000_000]) metrics.httpBodyBytes.observe(bytes);
});

describe('the page of the gateway', () => {
  it('declares exactly what the table of names promises', async () => {
    const declared = [...(await metrics.registry.metrics()).matchAll(/^# TYPE (headgate_\S+)/gm)];
    expect(declared.map(([, name]) => name).sort()).toEqual([...OURS].sort());
  });

  it('has the labels that its documentation says', async () => {
    expect(undocumentedLabels(await metrics.registry.metrics())).toEqual([]);
  });

  it('keeps the conventions of Prometheus', async () => {
    expect(lintMetrics(await metrics.registry.metrics(), 'headgate_')).toEqual([]);
  });

  it('shows the sizes of bodies', async () => {
    const page = await metrics.registry.metrics();
    expect(page).toContain('headgate_http_request_body_bytes_bucket{le="1024"} 1');
    expect(page).toContain('headgate_http_request_body_bytes_sum 30100010');
  });
});
