import { METRIC } from '@headgate/contracts/names';
import { systemClock } from '@headgate/runtime/clock';
import { liveGauge } from '@headgate/runtime/live-gauge';
import { Counter } from 'prom-client';
import type { Recorder } from '../store/recorder.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Upstream } from '../upstream/connect.ts';
import { ShadowQueue } from './shadow-queue.ts';

export interface ShadowDeps extends Pick<Upstream, 'copies' | 'readiness'> {
  readonly recorder: Recorder;
  readonly metrics: Pick<Metrics, 'registry'>;
}

/** The queue of copies, with its metrics. It is idle while no routing table has shadows. */
export function startShadows({
  copies,
  readiness,
  recorder,
  metrics: { registry },
}: ShadowDeps): ShadowQueue {
  const images = new Counter({
    name: METRIC.shadowImages,
    help: 'Copied images by shadow: compared (agreed, differed), failed, or dropped (busy, full, late, refused, not_ready).',
    labelNames: ['model', 'version', 'outcome'] as const,
    registers: [registry],
  });
  const queue = new ShadowQueue({
    predictor: copies,
    readiness,
    recorder,
    report: { settled: ({ model, version }, outcome) => images.inc({ model, version, outcome }) },
    clock: systemClock,
  });
  liveGauge(registry, METRIC.shadowQueueItems, 'Copied requests in the queue.', () => queue.items);
  liveGauge(registry, METRIC.shadowQueueBytes, 'Bytes that copied requests hold.', () => queue.bytes);
  return queue;
}
