import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '@headgate/contracts/config/schema';
import { openCaptureStore, STORE_TIMEOUT_MS } from '@headgate/stores/capture/open-store';
import { readHashKey } from '../store/hash-key.ts';
import type { Surroundings } from '../surroundings.ts';
import { type Capture, sampledCapture } from './capture.ts';
import { createCaptureQueue } from './capture-queue.ts';
import { exposeCaptureQueue, reportCaptures } from './reports.ts';
import { startRetention } from './retention.ts';

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
  exposeCaptureQueue(metrics.registry, queue);
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
