import type { Dependency } from './policies.ts';
import { BREAKER_STATES, type BreakerState, type ResilienceReport } from './report.ts';

/**
 * Reports for the policies of the parts of one dependency, which fail apart from each other: what is reported of the
 * dependency is the state of the part that is worst off.
 *
 * @returns makes the report of one more part
 */
export function sharedReport(dependency: Dependency, report: ResilienceReport): () => ResilienceReport {
  const states: BreakerState[] = [];
  let reported: BreakerState = 'closed';
  return () => {
    const part = states.push('closed') - 1;
    return {
      breakerChanged(_, state) {
        states[part] = state;
        const worst = BREAKER_STATES.findLast((one) => states.includes(one)) as BreakerState;
        if (worst === reported) return;
        reported = worst;
        report.breakerChanged(dependency, worst);
      },
      retry: report.retry,
    };
  };
}
