import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '@headgate/contracts/config/schema';
import { METRIC } from '@headgate/contracts/names';
import { readHashKey } from '@headgate/runtime/keyed-hash';
import { liveGauge } from '@headgate/runtime/live-gauge';
import type { Logger } from '@headgate/runtime/logger';
import { openCaptureStore, STORE_TIMEOUT_MS } from '@headgate/stores/capture/open-store';
import { Counter, type Registry } from 'prom-client';
import type { Surroundings } from '../surroundings.ts';
import { type Capture, sampledCapture } from './capture.ts';
import { type CaptureReport, createCaptureQueue } from './capture-queue.ts';
import { type RetentionReport, startRetention } from './retention.ts';

/** Three requests of the largest size wait to be written; a store that needs 5 s for one image is down. */
const QUEUE = { maxBytes: 32 * 2 ** 20, timeoutMs: STORE_TIMEOUT_MS };

export interface Captures {
  readonly capture: Capture;
  /** Writes what waits, within the time of one write. */
  stop(): Promise<void>;
}

/**
 * Undefined where no store is configured. A store without models captures nothing, and still forgets what is too old.
 * The key of the records decides which requests are sampled.
 *
 * @throws HashKeyError
 */
export async function startCapture(
  { capture: config, records }: Config,
  { root, logger, metrics }: Pick<Surroundings, 'root' | 'logger' | 'metrics'>,
): Promise<Captures | undefined> {
  const store = await openCaptureStore(config, root);
  if (!store) return undefined;
  const report = reportCaptures(logger, metrics.registry);
  const queue = createCaptureQueue({ store, ...QUEUE, report });
  const waiting = 'Bytes of sampled images that wait to be written.';
  liveGauge(metrics.registry, METRIC.captureQueueBytes, waiting, () => queue.bytes);
  const retention = startRetention({
    store,
    retentionDays: config.retention_days,
    now: () => Date.now(),
    report,
    pause: (ms, signal) => sleep(ms, undefined, { signal, ref: false }).catch(() => undefined),
  });
  return {
    capture: sampledCapture({
      models: config.models,
      dayBytes: config.day_bytes,
      hashKey: readHashKey(resolve(root, records.hash_key_file)),
      queue,
      report,
    }),
    async stop() {
      await queue.stop();
      await retention.stop();
    },
  };
}

/** Counts images; the first failure after a success is logged. */
function reportCaptures(logger: Logger, registry: Registry): CaptureReport & RetentionReport {
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
