import { type CaptureStore, expireCaptures } from '@headgate/stores/capture/store';

export interface RetentionOptions {
  readonly store: CaptureStore;
  readonly retentionDays: number;
  /** Wall clock in ms. */
  readonly now: () => number;
  readonly report: RetentionReport;
  /** Settles after so many ms, or at once when the signal is aborted. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface RetentionReport {
  expired(days: readonly string[]): void;
  expiryFailed(error: unknown): void;
}

const EXPIRE_EVERY_MS = 3_600_000;

/** Removes images that are too old, now and every hour. Several gateways may do so at once. */
export function startRetention(options: RetentionOptions): { stop(): Promise<void> } {
  const { store, retentionDays, now, report, pause } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const run = async () => {
    while (!signal.aborted) {
      try {
        const days = await expireCaptures(store, { retentionDays, nowMs: now() }, signal);
        if (days.length > 0) report.expired(days);
      } catch (error) {
        if (!signal.aborted) report.expiryFailed(error);
      }
      await pause(EXPIRE_EVERY_MS, signal);
    }
  };
  const ended = run();
  return {
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}
