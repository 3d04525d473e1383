import type { FailureMode } from '@headgate/contracts/config';
import { FAILURE_MODES } from '@headgate/contracts/config/rate-limit';
import { METRIC } from '@headgate/contracts/names';
import type { Logger } from '@headgate/contracts/telemetry/logger';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { LimiterMode, LimiterReport } from '../rate-limit/insured.ts';

export interface LimiterReportOptions {
  readonly logger: Logger;
  readonly registry: Registry;
  /** Declared for the time without the store. */
  readonly mode: FailureMode;
}

const MODES: readonly LimiterMode[] = ['shared', ...FAILURE_MODES];

/** How quotas are counted, as metrics, and each change of it as a log line. One for each registry. */
export function reportLimiter({ logger, registry, mode }: LimiterReportOptions): LimiterReport & {
  connectionFailed(error: Error): void;
} {
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
  let isCut = false;
  show('shared');
  return {
    modeChanged(current) {
      show(current);
      isCut &&= current !== 'shared';
      const text = current === 'shared' ? 'quotas are shared again' : 'the store of quotas does not answer';
      logger[current === 'shared' ? 'info' : 'warn']({ mode: current, declared: mode }, text);
    },
    storeFailed: () => failures.inc(),
    connectionFailed(error) {
      if (isCut) return;
      isCut = true;
      // The error of a connection names its address, never the password.
      logger.warn(
        { code: (error as NodeJS.ErrnoException).code, message: error.message },
        'no connection to Redis',
      );
    },
  };
}
