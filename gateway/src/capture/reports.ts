import { METRIC } from '@headgate/contracts/names';
import type { Logger } from '@headgate/runtime/logger';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { CaptureQueue, CaptureReport } from './capture-queue.ts';
import type { RetentionReport } from './retention.ts';

/** Counts images; the first failure after a success is logged. */
export function reportCaptures(logger: Logger, registry: Registry): CaptureReport & RetentionReport {
  const captures = new Counter({
    name: METRIC.captures,
    help: 'Sampled images by what became of them: kept, dropped since too many waited, or failed in the store.',
    labelNames: ['outcome'] as const,
    registers: [registry],
  });
  const expiryFailures = new Counter({
    name: METRIC.captureExpiryFailures,
    help: 'Attempts to remove images beyond their retention that failed; they are repeated every hour.',
    registers: [registry],
  });
  let failing = false;
  return {
    captured(outcome, err) {
      captures.inc({ outcome });
      if (outcome === 'failed' && !failing) logger.warn({ err }, 'captured images cannot be kept');
      if (outcome === 'kept' && failing) logger.info('captured images are kept again');
      if (outcome !== 'dropped') failing = outcome === 'failed';
    },
    expired: (days) => logger.info({ days }, 'captured images were removed at the end of their retention'),
    expiryFailed(err) {
      expiryFailures.inc();
      logger.error({ err }, 'captured images beyond their retention cannot be removed');
    },
  };
}

export function exposeCaptureQueue(registry: Registry, queue: Pick<CaptureQueue, 'bytes'>): void {
  new Gauge({
    name: METRIC.captureQueueBytes,
    help: 'Bytes of sampled images that wait to be written.',
    registers: [registry],
    collect() {
      this.set(queue.bytes);
    },
  });
}
