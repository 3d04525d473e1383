import { FAILURE_MODES } from '@headgate/contracts/config/rate-limit';
import type { FailureMode } from '@headgate/contracts/config/schema';
import { HeadgateError } from '@headgate/contracts/errors';
import { METRIC } from '@headgate/contracts/names';
import type { Logger } from '@headgate/runtime/logger';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { LimiterMode, LimiterReport } from '../rate-limit/insured.ts';

export interface LimiterReportOptions {
  readonly logger: Logger;
  readonly registry: Registry;
  /** Declared for the time without the store. */
  readonly mode: FailureMode;
  /** Monotonic, in ms. */
  readonly nowMs?: () => number;
}

/** What is wrong with the store is logged at most once in so many ms: it may be wrong for every request. */
const CAUSE_EVERY_MS = 60_000;

const MODES: readonly LimiterMode[] = ['shared', ...FAILURE_MODES];

/** How quotas are counted, as metrics, and each change of it as a log line. One for each registry. */
export function reportLimiter(options: LimiterReportOptions): LimiterReport & {
  /** The connection was lost, or could not be made. */
  connectionFailed(error: Error): void;
} {
  const { logger, registry, mode, nowMs = () => performance.now() } = options;
  const registers = [registry];
  const inForce = new Gauge({
    name: METRIC.quotaMode,
    help: '1 for the way in which quotas are counted now: shared, or what is declared for the time without the store.',
    labelNames: ['mode'] as const,
    registers,
  });
  const failures = new Counter({
    name: METRIC.quotaStoreFailures,
    help: 'Requests whose charge the store of quotas did not take.',
    registers,
  });
  const show = (current: LimiterMode) => {
    for (const one of MODES) inForce.set({ mode: one }, one === current ? 1 : 0);
  };
  let causeLoggedAtMs = Number.NEGATIVE_INFINITY;
  const logCause = (error: unknown) => {
    if (nowMs() - causeLoggedAtMs < CAUSE_EVERY_MS) return;
    causeLoggedAtMs = nowMs();
    // Not the error itself: it holds the command, and that the address or key of a caller.
    const { code, message } = error as NodeJS.ErrnoException;
    logger.warn({ code, message }, 'Redis did not take a charge, or cannot be reached');
  };
  show('shared');
  return {
    modeChanged(current) {
      show(current);
      if (current === 'shared') causeLoggedAtMs = Number.NEGATIVE_INFINITY;
      const text = current === 'shared' ? 'quotas are shared again' : 'the store of quotas does not answer';
      logger[current === 'shared' ? 'info' : 'warn']({ mode: current, declared: mode }, text);
    },
    storeFailed(error) {
      failures.inc();
      const cause = error instanceof HeadgateError ? error.cause : error;
      // Without one, the breaker did not even ask.
      if (cause instanceof Error) logCause(cause);
    },
    connectionFailed: logCause,
  };
}
