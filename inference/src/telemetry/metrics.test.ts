import { REASONS } from '@headgate/contracts/errors';
import { METRIC, TRITON_METRIC } from '@headgate/contracts/names';
import { undocumentedLabels } from '@headgate/testkit/documented-metrics';
import { lintMetrics } from '@headgate/testkit/lint-metrics';
import { ManualClock } from '@headgate/testkit/manual-clock';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Batch } from '../batch.ts';
import type { SlotState } from '../engine/parent/slot.ts';
import type { ItemResult } from '../item.ts';
import type { Deployment } from '../models/deployment.ts';
import { Metrics } from './metrics.ts';
import { Statistics } from './statistics.ts';
import type { Outcome } from './version-counters.ts';

const ROW = { classIds: Int32Array.of(1), scores: Float32Array.of(1) };
const RESULT: ItemResult = { row: ROW, queueMs: 1, decodeMs: 2, runMs: 3, batchSize: 2 };
const BATCH: Batch = { members: [{}, {}] as unknown as Batch['members'], reason: 'idle' };

const ENGINES = [{ deviceId: 3, report: { provider: 'cuda' }, residentBytes: () => 7 }];
const SLOTS: SlotState[] = [
  {
    deviceId: 3,
    maxBatchSize: 4,
    restarts: new Map([['hang', 2]]),
    recycles: 6,
    outOfMemory: 1,
    pauseMs: 400,
    lastReason: 'ended by SIGKILL',
  },
];
const CACHE = { bytes: 2, entries: 1, evictions: { room: 0, expired: 0 } };
const STATE = {
  status: 'ready',
  engines: ENGINES,
  slots: SLOTS,
  queued: 4,
  inFlight: 5,
  limit: 6,
  cache: CACHE,
};

/** What is served; the first version of a model is the control. */
class Served {
  versions: Deployment[] = [];
  readonly leaving: Deployment[] = [];

  constructor(...names: readonly string[]) {
    this.serve(...names);
  }

  serve(...names: readonly string[]): void {
    this.versions = names.map((name) => {
      const [model, version] = name.split('/');
      return { ...STATE, model, version };
    }) as unknown as Deployment[];
  }

  all(): readonly Deployment[] {
    return this.versions;
  }

  retiring(): readonly Deployment[] {
    return this.leaving;
  }

  get(model: string, version: string): Deployment | undefined {
    return this.versions.find((one) => one.model === model && (version === '' || one.version === version));
  }
}

let clock: ManualClock;
let served: Served;
let statistics: Statistics;
let metrics: Metrics;

beforeEach(() => {
  clock = new ManualClock();
  served = new Served('m/1', 'm/2');
  statistics = new Statistics(clock);
  metrics = new Metrics({ statistics, served });
});

/** A call that ended; of an unserved name, it counts under `other` as in the catalogue. */
function callEnded(call: { model: string; version: string; outcome: Outcome; durationMs: number }): void {
  const deployment = served.get(call.model, call.version);
  const known = served.versions.some(({ model }) => model === call.model);
  const { model, version } = deployment ?? { model: known ? call.model : 'other', version: 'other' };
  statistics.callEnded(statistics.of(model, version), call.outcome, call.durationMs);
}

/** One call with `items` items that ran in one batch. */
function succeed(model: string, version: string, items = 1): void {
  const counters = statistics.of(model, version);
  counters.batchStarted(BATCH);
  counters.batchRan(BATCH, 3);
  counters.answered(Array<ItemResult>(items).fill(RESULT), 0.5);
  callEnded({ model, version, outcome: 'ok', durationMs: 8 });
}

/** Series of the page without those of Node and the process. */
async function series(): Promise<string[]> {
  const page = await metrics.page();
  return page.split('\n').filter((line) => /^(headgate|nv)_/.test(line));
}

async function value(start: string): Promise<number> {
  const line = (await series()).find((one) => one.startsWith(`${start} `));
  return line === undefined ? Number.NaN : Number(line.slice(start.length));
}

describe('Metrics', () => {
  it('counts an unversioned call for the version that answered it', async () => {
    callEnded({ model: 'm', version: '', outcome: 'ok', durationMs: 1 });
    expect(await value('headgate_inference_requests_total{model="m",version="1",outcome="ok"}')).toBe(1);
  });

  it('mints no series for 10,000 junk names, whatever becomes of the calls', async () => {
    succeed('m', '1');
    for (const outcome of ['unknown_model', 'unknown_version'] as const) {
      callEnded({ model: 'none', version: '', outcome, durationMs: 1 });
      callEnded({ model: 'm', version: 'none', outcome, durationMs: 1 });
    }
    const before = (await series()).length;
    for (let i = 0; i < 10_000; i += 1) {
      const outcome = i % 2 === 0 ? 'unknown_model' : 'unknown_version';
      callEnded({ model: `junk-${i}`, version: '', outcome, durationMs: 1 });
      callEnded({ model: 'm', version: `junk-${i}`, outcome, durationMs: 1 });
    }
    expect((await series()).length).toBe(before);
    const other = 'headgate_inference_requests_total{model="other",version="other",outcome="unknown_model"}';
    expect(await value(other)).toBe(5001);
    expect(statistics.entries().length).toBe(3);
  });

  it('keeps the last counts of a version that is gone for five minutes, and then forgets all its series', async () => {
    succeed('m', '2');
    served.serve('m/1');
    const gone = async () => (await series()).filter((line) => line.includes('version="2"'));
    expect((await gone()).length).toBeGreaterThan(0);
    clock.advance(299_999);
    expect((await gone()).length).toBeGreaterThan(0);
    clock.advance(1);
    expect(await gone()).toEqual([]);
    expect(statistics.entries().map(({ version }) => version)).not.toContain('2');
  });

  it('forgets nothing of a version that drains, or that came back in time', async () => {
    succeed('m', '2');
    const [, second] = served.versions;
    served.serve('m/1');
    served.leaving.push(second as Deployment);
    await metrics.page();
    clock.advance(600_000);
    served.leaving.pop();
    await metrics.page();
    clock.advance(200_000);
    served.serve('m/1', 'm/2');
    await metrics.page();
    clock.advance(200_000);
    served.serve('m/1');
    await metrics.page();
    clock.advance(200_000);
    expect(await value('headgate_inference_request_duration_seconds_count{model="m",version="2"}')).toBe(1);
  });

  it('shows how the engines fare: restarts by reason, pause, batch size, memory and device', async () => {
    const page = (await series()).filter((line) => line.includes('_engine_') && line.includes('version="1"'));
    expect(page).toEqual(
      expect.arrayContaining([
        'headgate_engine_restarts_total{model="m",version="1",reason="crash"} 0',
        'headgate_engine_restarts_total{model="m",version="1",reason="hang"} 2',
        'headgate_engine_restart_pause_seconds{model="m",version="1",engine="0"} 0.4',
        'headgate_engine_recycles_total{model="m",version="1",reason="memory_limit"} 6',
        'headgate_engine_out_of_memory_total{model="m",version="1",device="3"} 1',
        'headgate_engine_max_batch_size{model="m",version="1",engine="0"} 4',
        'headgate_engine_provider_info{model="m",version="1",provider="cuda",device="3"} 1',
      ]),
    );
  });

  it('watches how long a caller waits for a refusal, and keeps it out of the time of answers', async () => {
    callEnded({ model: 'm', version: '1', outcome: 'overloaded', durationMs: 0.3 });
    callEnded({ model: 'm', version: '1', outcome: 'invalid_tensor', durationMs: 0.3 });
    const name = 'headgate_inference_refusal_duration_seconds';
    expect(await value(`${name}_bucket{le="0.0002",reason="overloaded"}`)).toBe(0);
    expect(await value(`${name}_bucket{le="0.0004",reason="overloaded"}`)).toBe(1);
    expect((await series()).filter((line) => line.startsWith(`${name}_count`))).toHaveLength(1);
    expect(await value('headgate_inference_request_duration_seconds_count{model="m",version="1"}')).toBeNaN();
  });
});

describe('the names of Triton', () => {
  it('tell requests, items and runs apart', async () => {
    succeed('m', '1', 2);
    expect(await value('nv_inference_request_success{model="m",version="1"}')).toBe(1);
    expect(await value('nv_inference_count{model="m",version="1"}')).toBe(2);
    expect(await value('nv_inference_exec_count{model="m",version="1"}')).toBe(1);
    expect(await value('nv_inference_pending_request_count{model="m",version="1"}')).toBe(4);
  });

  it('give times as cumulative microseconds', async () => {
    succeed('m', '1');
    succeed('m', '1');
    const us = (stage: string) => value(`nv_inference_${stage}_duration_us{model="m",version="1"}`);
    expect(await us('request')).toBe(16_000);
    expect(await us('queue')).toBe(2000);
    expect(await us('compute_input')).toBe(4000);
    expect(await us('compute_infer')).toBe(6000);
    expect(await us('compute_output')).toBe(1000);
  });

  it('sort every reason of a failure into one of four, which are there from the start', async () => {
    callEnded({ model: 'm', version: '1', outcome: 'ok', durationMs: 1 });
    const failures = (reason: string) =>
      value(`nv_inference_request_failure{model="m",version="1",reason="${reason}"}`);
    expect(await Promise.all(['REJECTED', 'CANCELED', 'BACKEND', 'OTHER'].map(failures))).toEqual([
      0, 0, 0, 0,
    ]);
    const reasons = Object.keys(REASONS) as (keyof typeof REASONS)[];
    for (const outcome of reasons) {
      callEnded({ model: 'm', version: '1', outcome, durationMs: 1 });
    }
    expect(await failures('REJECTED')).toBe(2);
    expect(await failures('CANCELED')).toBe(1);
    expect(await failures('BACKEND')).toBe(2);
    expect(await failures('OTHER')).toBe(reasons.length - 5);
  });

  it('have no series for what callers made up, nor for what is not served any more', async () => {
    succeed('m', '2');
    callEnded({ model: 'junk', version: '', outcome: 'unknown_model', durationMs: 1 });
    served.serve('m/1');
    const lines = (await series()).filter((line) => line.startsWith('nv_'));
    expect(lines.filter((line) => !line.includes('version="1"'))).toEqual([]);
  });
});

describe('the page', () => {
  /** Metrics of inference; the rest of the table belongs to the gateway. */
  const OURS = Object.values(METRIC).filter((name) =>
    /^headgate_(inference|cache|engine|model|routing_(reloads|stale))/.test(name),
  );

  it('declares every metric that the table of names promises', async () => {
    const page = await metrics.page();
    for (const name of [...OURS, ...Object.values(TRITON_METRIC)]) expect(page).toContain(`# TYPE ${name} `);
  });

  it('declares nothing of ours that the table of names does not know', async () => {
    const declared = [...(await metrics.page()).matchAll(/^# TYPE ((?:headgate|nv)_\S+)/gm)];
    const known: readonly string[] = [...OURS, ...Object.values(TRITON_METRIC)];
    expect(declared.map(([, name]) => name).filter((name) => !known.includes(name as string))).toEqual([]);
  });

  it('keeps the conventions of Prometheus and its documentation, with every kind of series there', async () => {
    const cached = { ...RESULT, cache: { outcome: 'hit', lookupMs: 0.1 } } as const;
    succeed('m', '1', 2);
    statistics.of('m', '1').answered([cached], 0.1);
    metrics.routingReloaded('accepted');
    statistics.of('m', '1').loadFailed('digest');
    callEnded({ model: 'junk', version: '', outcome: 'unknown_model', durationMs: 1 });
    callEnded({ model: 'm', version: '1', outcome: 'overloaded', durationMs: 1 });
    const page = await metrics.page();
    expect(lintMetrics(page, 'headgate_')).toEqual([]);
    expect(undocumentedLabels(page)).toEqual([]);
    expect(page).toContain('nv_cache_num_hits_per_model{model="m",version="1"} 1');
  });
});
