import type { CaptureKey, CaptureStore } from '@headgate/stores/capture/store';

/** Outcome of an image: written; dropped, since others waited; or the store did not take it. */
export type CaptureOutcome = 'kept' | 'dropped' | 'failed';

export interface CaptureReport {
  /** @param error why the store did not take it */
  captured(outcome: CaptureOutcome, error?: unknown): void;
}

export interface CaptureQueueOptions {
  readonly store: Pick<CaptureStore, 'put'>;
  /** Most bytes of images that wait or are being written. */
  readonly maxBytes: number;
  /** One write takes no longer. */
  readonly timeoutMs: number;
  readonly report: CaptureReport;
}

export interface CaptureQueue {
  /** Bytes of images that wait or are being written. */
  readonly bytes: number;
  add(key: CaptureKey, image: Uint8Array): void;
  /** Takes nothing more, and drops what is not written within the time of one write. */
  stop(): Promise<void>;
}

interface Waiting {
  readonly key: CaptureKey;
  readonly image: Uint8Array;
}

/** Writes at once; a store that is far away is not kept waiting for, nor flooded. */
const PARALLEL = 2;

/** Images on their way to the store: bounded by their bytes, off the way of requests. Each is tried once: they are samples. */
export function createCaptureQueue({
  store,
  maxBytes,
  timeoutMs,
  report,
}: CaptureQueueOptions): CaptureQueue {
  const waiting: Waiting[] = [];
  const running = new Set<Promise<void>>();
  const stopping = new AbortController();
  let bytes = 0;
  let closed = false;

  const write = async ({ key, image }: Waiting): Promise<void> => {
    try {
      const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(timeoutMs)]);
      await store.put(key, image, signal);
      report.captured('kept');
    } catch (error) {
      report.captured('failed', error);
    }
    bytes -= image.byteLength;
  };

  const next = () => {
    while (running.size < PARALLEL) {
      const first = waiting.shift();
      if (!first) return;
      const written = write(first).finally(() => {
        running.delete(written);
        next();
      });
      running.add(written);
    }
  };

  const drained = async () => {
    while (running.size > 0) await Promise.all(running);
  };

  return {
    get bytes() {
      return bytes;
    },
    add(key, image) {
      if (closed || bytes + image.byteLength > maxBytes) return report.captured('dropped');
      // A copy: the image is a view that would hold the body of the whole request.
      waiting.push({ key, image: new Uint8Array(image) });
      bytes += image.byteLength;
      next();
    },
    async stop() {
      closed = true;
      const timer = setTimeout(() => {
        for (const { image } of waiting.splice(0)) {
          bytes -= image.byteLength;
          report.captured('dropped');
        }
        stopping.abort();
      }, timeoutMs);
      await drained();
      clearTimeout(timer);
    },
  };
}
