import type { CaptureKey } from '@headgate/contracts/capture/store';
import type { CaptureConfig } from '@headgate/contracts/config';
import { murmur3 } from '../routing/murmur3.ts';
import type { CaptureQueue } from './capture-queue.ts';

/** Keeps sampled images, as training data. */
export interface Capture {
  /** Whether images of this request are kept: always the same for one id, in every gateway. */
  wants(model: string, requestId: string): boolean;
  /** Writes it soon, or drops it. Never waits, never throws; the image is copied. */
  keep(key: CaptureKey, image: Uint8Array): void;
}

const utf8 = new TextEncoder();

/** Captures the configured share of requests of each model. */
export function sampledCapture(models: CaptureConfig['models'], queue: Pick<CaptureQueue, 'add'>): Capture {
  return {
    wants(model, requestId) {
      const rate = Object.hasOwn(models, model) ? (models[model]?.rate ?? 0) : 0;
      return shareOf(requestId) < rate;
    },
    keep: (key, image) => queue.add(key, image),
  };
}

/** In [0, 1), evenly spread; independent of the buckets of experiments. */
function shareOf(requestId: string): number {
  return murmur3(utf8.encode(`capture\n${requestId}`)) / 2 ** 32;
}
