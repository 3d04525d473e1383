import { METRIC } from '@headgate/contracts/names';
import { undocumentedLabels } from '@headgate/testkit/documented-metrics';
import { lintMetrics } from '@headgate/testkit/lint-metrics';
import { beforeEach, describe, expect, it } from 'vitest';
import type { KeySet } from '../auth/oidc/key-set.ts';
import { exposeParking, reportParking } from '../serverless/parking-metrics.ts';
import { ROUTING } from '../testing/app-fixture.ts';
import { exposeIdentity, exposeLockouts } from './identity-metrics.ts';
import { createMetrics, exposeState, type Metrics } from './metrics.ts';

/** Metrics of the gateway; the rest of the table belongs to inference. */
const OURS: readonly string[] = Object.values(METRIC).filter((name) =>
  /^headgate_(http|prediction|shed|variant|rate_limited|auth|key|oidc|routing|model_version|parked)/.test(
    name,
  ),
);

const keySet = (ageMs: number | undefined, size: number): KeySet => ({
  keyFor: () => Promise.reject(new Error('not asked')),
  refresh: () => Promise.resolve(),
  ageMs: () => ageMs,
  size: () => size,
});

let metrics: Metrics;
beforeEach(() => {
  metrics = createMetrics();
  exposeState(metrics.registry, { current: () => ROUTING, ageMs: () => 0 }, { isReady: () => true });
  const uses = [{ keyId: 'alice', secret: 'current' as const, lastUsedMs: 5000 }];
  exposeIdentity(metrics.registry, { all: () => uses }, new Map([['corporate', keySet(2500, 3)]]));
  exposeLockouts(metrics.registry, { count: () => 0 });
  const parkingReport = reportParking(metrics.registry);
  parkingReport.left('net', 'served', 2000);
  exposeParking(metrics.registry, { waiting: () => [['net', 3]] });
  metrics.tokenRefusals.inc({ issuer: 'corporate', why: 'expired' });
  metrics.oidcKeyLoads.inc({ issuer: 'corporate', outcome: 'loaded' });
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

  it('shows when keys were used, and how old and how many the keys of an issuer are', async () => {
    const page = await metrics.registry.metrics();
    expect(page).toContain('headgate_key_last_used_timestamp_seconds{key_id="alice",secret="current"} 5\n');
    expect(page).toContain('headgate_oidc_keys{issuer="corporate"} 3\n');
    expect(page).toContain('headgate_oidc_keys_age_seconds{issuer="corporate"} 2.5\n');
  });

  it('shows no age of keys that were never there', async () => {
    metrics = createMetrics();
    exposeIdentity(metrics.registry, { all: () => [] }, new Map([['corporate', keySet(undefined, 0)]]));
    const page = await metrics.registry.metrics();
    expect(page).toContain('headgate_oidc_keys{issuer="corporate"} 0\n');
    expect(page).not.toContain('headgate_oidc_keys_age_seconds{');
  });

  it('shows the sizes of bodies', async () => {
    const page = await metrics.registry.metrics();
    expect(page).toContain('headgate_http_request_body_bytes_bucket{le="1024"} 1');
    expect(page).toContain('headgate_http_request_body_bytes_sum 30100010');
  });
});
