import type { CaptureConfig } from '@headgate/contracts/config/schema';
import { keyedHash } from '@headgate/runtime/keyed-hash';
import type { CaptureKey } from '@headgate/stores/capture/store';
import type { CaptureQueue, CaptureReport } from './capture-queue.ts';

/** Keeps sampled images, as training data. */
export interface Capture {
  /** Whether images of this request are kept: always the same for one id, in every gateway with the same key. */
  wants(model: string, requestId: string): boolean;
  /** Writes it soon, or drops it. Never waits, never throws; the image is copied. */
  keep(key: CaptureKey, image: Uint8Array): void;
}

export interface SampledCaptureOptions {
  /** Share of requests of each model; nothing of others is kept. */
  readonly models: CaptureConfig['models'];
  /** Most bytes of a day; further images are dropped. */
  readonly dayBytes: number;
  readonly hashKey: Uint8Array;
  readonly queue: Pick<CaptureQueue, 'add'>;
  readonly report: CaptureReport;
}

/** Captures the configured share of requests of each model. Without the key nobody can choose an id that is sampled. */
export function sampledCapture(options: SampledCaptureOptions): Capture {
  const { models, dayBytes, hashKey, queue, report } = options;
  let today = '';
  let todayBytes = 0;
  return {
    wants(model, requestId) {
      const rate = Object.hasOwn(models, model) ? (models[model]?.rate ?? 0) : 0;
      return rate > 0 && shareOf(hashKey, requestId) < rate;
    },
    keep(key, image) {
      // What is late for its day counts for the next one.
      if (key.day > today) [today, todayBytes] = [key.day, 0];
      if (todayBytes + image.byteLength > dayBytes) return report.captured('dropped');
      todayBytes += image.byteLength;
      queue.add(key, image);
    },
  };
}

/** In [0, 1), evenly spread. */
function shareOf(hashKey: Uint8Array, requestId: string): number {
  return Number.parseInt(keyedHash(hashKey, 'capture', requestId).slice(0, 8), 16) / 2 ** 32;
}
