import { readFileSync } from 'node:fs';
import { HeadgateError } from '@headgate/contracts/errors';
import { parseRouting, type Routing } from '@headgate/contracts/routing';
import { createLogger } from '@headgate/runtime/logger';
import { FileError } from '@headgate/runtime/watch-file';
import { beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createTelemetry } from './create-telemetry.ts';
import { createMetrics, exposeState, type Metrics } from './metrics.ts';
import { reportKeys, reportReadiness, reportRouting, reportTokens } from './reports.ts';
import type { PredictionRecord, RequestRecord, Telemetry } from './telemetry.ts';

const SEED = new URL('../../../config/routing.yaml', import.meta.url);
const MODEL = 'efficientnet-lite0';
const NOT_LOGGED = 'c'.repeat(32);

describe('telemetry', () => {
  let table: Routing;
  let metrics: Metrics;
  let telemetry: Telemetry;
  let lines: Record<string, unknown>[];
  let logger: ReturnType<typeof createLogger>;

  beforeEach(() => {
    table = parseRouting(parse(readFileSync(SEED, 'utf8')));
    metrics = createMetrics();
    lines = [];
    const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
    logger = createLogger({ service: 'gateway', level: 'info', destination });
    const keyUses = { touch: () => undefined };
    const lockouts = { note: () => undefined };
    const logsSuccess = (traceId: string) => traceId !== NOT_LOGGED;
    const routing = { current: () => table };
    telemetry = createTelemetry({ logger, metrics, logsSuccess, routing, keyUses, lockouts });
  });

  /** The samples of one metric, as Prometheus would read them. */
  const samples = async (name: string) => {
    const text = await metrics.registry.getSingleMetricAsString(name);
    return text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#') && !line.includes('_bucket'));
  };
  const request = (changes: Partial<RequestRecord> = {}): RequestRecord => ({
    requestId: 'r-1',
    predictionId: undefined,
    trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: false },
    method: 'POST',
    route: '/predict',
    status: 200,
    reason: undefined,
    durationMs: 12.345,
    keyId: 'alice',
    cause: undefined,
    ...changes,
  });
  const prediction = (changes: Partial<PredictionRecord> = {}): PredictionRecord => ({
    model: MODEL,
    version: '2',
    variant: 'int8',
    assignedVariant: 'int8',
    outcome: 'ok',
    durationMs: 40,
    ...changes,
  });

  it('counts requests by route, method, status and reason, and those in flight', async () => {
    telemetry.requestStarted();
    telemetry.requestStarted();
    telemetry.requestFinished(request());
    expect(await samples('headgate_http_requests_total')).toEqual([
      'headgate_http_requests_total{route="/predict",method="POST",status="200",reason="none"} 1',
    ]);
    expect(await samples('headgate_http_requests_in_flight')).toEqual(['headgate_http_requests_in_flight 1']);
    expect(await samples('headgate_http_request_duration_seconds')).toContain(
      'headgate_http_request_duration_seconds_sum{route="/predict"} 0.012345',
    );
  });

  it('logs one line per request, with ids and without the cause of a refusal', () => {
    telemetry.requestFinished(
      request({ status: 415, reason: 'unsupported_media_type', cause: new Error('inner') }),
    );
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      level: 'info',
      request_id: 'r-1',
      trace_id: 'a'.repeat(32),
      route: '/predict',
      status: 415,
      reason: 'unsupported_media_type',
      duration_ms: 12.35,
      key_id: 'alice',
    });
    expect(JSON.stringify(lines)).not.toContain('inner');
  });

  it('logs what lies behind a failure of ours, once', () => {
    const cause = new HeadgateError('internal', 'x', { cause: new Error('the disk is gone') });
    telemetry.requestFinished(request({ status: 500, reason: 'internal', cause }));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      level: 'error',
      err: { message: expect.stringContaining('the disk is gone') },
    });
  });

  it('logs the successes of sampled traces, and every refusal', () => {
    const trace = { traceId: NOT_LOGGED, spanId: 'b'.repeat(16), sampled: false };
    telemetry.requestFinished(request());
    telemetry.requestFinished(request({ trace }));
    telemetry.requestFinished(request({ trace, status: 403, reason: 'scope_missing' }));
    expect(lines.map(({ status }) => status)).toEqual([200, 403]);
  });

  it('logs an overload as a refusal: hundreds of stacks a second would be overload of its own', () => {
    telemetry.requestFinished(request({ status: 503, reason: 'overloaded', cause: new Error('inner') }));
    expect(lines[0]).toMatchObject({ level: 'warn', status: 503, reason: 'overloaded' });
    expect(JSON.stringify(lines)).not.toContain('inner');
  });

  it('counts requests that were shed, by configured names alone', async () => {
    telemetry.requestShed(MODEL, '1');
    telemetry.requestShed('junk', 'junk');
    expect(await samples('headgate_shed_requests_total')).toEqual([
      `headgate_shed_requests_total{model="${MODEL}",version="1"} 1`,
      'headgate_shed_requests_total{model="other",version="other"} 1',
    ]);
  });

  it('counts predictions by what served them, and those that fell back to the control', async () => {
    telemetry.predictionFinished(prediction());
    telemetry.predictionFinished(prediction({ outcome: 'overloaded' }));
    telemetry.predictionFinished(prediction({ version: '1', variant: 'fp32' }));
    telemetry.predictionFinished(prediction({ variant: null, assignedVariant: null }));
    expect(await samples('headgate_predictions_total')).toEqual([
      `headgate_predictions_total{model="${MODEL}",version="2",variant="int8",outcome="ok"} 1`,
      `headgate_predictions_total{model="${MODEL}",version="2",variant="int8",outcome="overloaded"} 1`,
      `headgate_predictions_total{model="${MODEL}",version="1",variant="fp32",outcome="ok"} 1`,
      `headgate_predictions_total{model="${MODEL}",version="2",variant="none",outcome="ok"} 1`,
    ]);
    expect(await samples('headgate_variant_fallbacks_total')).toEqual([
      `headgate_variant_fallbacks_total{model="${MODEL}",variant="int8"} 1`,
    ]);
  });

  it('mints no series for names that the routing table does not know', async () => {
    for (let i = 0; i < 100; i++) {
      telemetry.predictionFinished(prediction({ model: `junk-${i}` }));
      telemetry.predictionFinished(prediction({ version: `junk-${i}`, variant: `junk-${i}` }));
      telemetry.predictionFinished(prediction({ model: 'constructor' }));
    }
    expect(await samples('headgate_predictions_total')).toHaveLength(2);
  });

  it('counts refusals by quota and by credential', async () => {
    telemetry.rateLimited('key', 'predict');
    telemetry.authFailed('wrong_key');
    expect(await samples('headgate_rate_limited_total')).toEqual([
      'headgate_rate_limited_total{scope="key",group="predict"} 1',
    ]);
    expect(await samples('headgate_auth_failures_total')).toEqual([
      'headgate_auth_failures_total{reason="wrong_key"} 1',
    ]);
  });

  it('shows weights and readiness of the table that is in force, and forgets those of the last one', async () => {
    const readiness = { isReady: (_: string, version: string) => version === '1' };
    exposeState(metrics.registry, { current: () => table, ageMs: () => 2500 }, readiness);
    expect(await samples('headgate_routing_source_age_seconds')).toEqual([
      'headgate_routing_source_age_seconds 2.5',
    ]);
    expect(await samples('headgate_routing_weight')).toEqual([
      `headgate_routing_weight{model="${MODEL}",variant="fp32"} 90`,
      `headgate_routing_weight{model="${MODEL}",variant="int8"} 10`,
    ]);
    expect(await samples('headgate_model_version_ready')).toEqual([
      `headgate_model_version_ready{model="${MODEL}",version="1"} 1`,
      `headgate_model_version_ready{model="${MODEL}",version="2"} 0`,
    ]);
    table = parseRouting(JSON.parse(JSON.stringify(table).replaceAll('int8', 'small')));
    expect((await samples('headgate_routing_weight')).join()).not.toContain('int8');
  });

  it('shows a refused routing file until a good one follows', async () => {
    const found: string[] = [];
    const audit = { found: (action: string, outcome: string) => void found.push(`${action} ${outcome}`) };
    const report = reportRouting(logger, metrics, audit);
    report.accepted(table);
    report.refused(new FileError('routing.yaml', ['a: wrong', 'b: wrong']));
    expect(await samples('headgate_routing_stale')).toEqual(['headgate_routing_stale 1']);
    expect(lines.filter(({ level }) => level === 'error').map(({ issue }) => issue)).toEqual([
      'a: wrong',
      'b: wrong',
    ]);
    report.accepted(table);
    expect(await samples('headgate_routing_stale')).toEqual(['headgate_routing_stale 0']);
    expect(await samples('headgate_routing_generation')).toEqual(['headgate_routing_generation 2']);
    expect(await samples('headgate_routing_reloads_total')).toEqual([
      'headgate_routing_reloads_total{outcome="accepted"} 2',
      'headgate_routing_reloads_total{outcome="refused"} 1',
    ]);
    expect(found).toEqual(['accepted', 'refused', 'accepted'].map((outcome) => `routing.reload ${outcome}`));
  });

  it('logs an issuer that is down once, and that it is back; counts every attempt and refusal', async () => {
    const report = reportTokens(logger, metrics);
    for (let i = 0; i < 3; i++) report.keysFailed('corporate', new Error('ECONNREFUSED'));
    report.keysLoaded('corporate', 2);
    report.keysLoaded('corporate', 2);
    report.tokenRefused('corporate', 'expired');
    expect(lines.map(({ level, issuer }) => `${level} ${issuer}`)).toEqual([
      'warn corporate',
      'info corporate',
    ]);
    expect(await samples('headgate_oidc_key_loads_total')).toEqual([
      'headgate_oidc_key_loads_total{issuer="corporate",outcome="failed"} 3',
      'headgate_oidc_key_loads_total{issuer="corporate",outcome="loaded"} 2',
    ]);
    expect(await samples('headgate_oidc_token_refusals_total')).toEqual([
      'headgate_oidc_token_refusals_total{issuer="corporate",why="expired"} 1',
    ]);
  });

  it('logs changes of keys and readiness', () => {
    const found: unknown[] = [];
    const keys = reportKeys(logger, { found: (...change) => void found.push(change) }, { gold: {} });
    keys.accepted(3, ['gold', 'bench', 'bench']);
    expect(lines[1]).toMatchObject({ level: 'warn', tiers: ['bench'] });
    keys.refused(new FileError('keys.yaml', ['keys.0.role: wrong']));
    expect(found).toEqual([
      ['keys.reload', 'accepted', { keys: 3 }],
      ['keys.reload', 'refused'],
    ]);
    reportReadiness(logger).readinessChanged(MODEL, '2', false);
    reportReadiness(logger).unresolved(new Error('ENOTFOUND'));
    expect(lines.map(({ level }) => level)).toEqual(['info', 'warn', 'error', 'warn', 'error']);
  });
});
