import type { ResilienceReport } from '@headgate/contracts/resilience/report';
import type { Logger } from '@headgate/contracts/telemetry/logger';
import type { Metrics } from './telemetry/metrics.ts';

/** What every part that `main` starts finds around it. */
export interface Surroundings {
  /** Absolute; relative paths of the configuration start here. */
  readonly root: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Hears the policies of remote dependencies. */
  readonly resilience: ResilienceReport;
}
