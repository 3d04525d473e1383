import { METRIC } from '@headgate/contracts/names';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Logger } from '../logger.ts';
import type { Dependency } from './policies.ts';
import { BREAKER_STATES, type ResilienceReport } from './report.ts';

export interface ResilienceReportOptions {
  readonly logger: Logger;
  readonly registry: Registry;
  /** Dependencies with a breaker in this process: they show as closed from the start. */
  readonly breakers: readonly Dependency[];
}

/** Breakers and retries as metrics, and each change of a breaker as a log line. One for each registry. */
export function reportResilience({ logger, registry, breakers }: ResilienceReportOptions): ResilienceReport {
  const registers = [registry];
  const state = new Gauge({
    name: METRIC.breakerState,
    help: 'Circuit breaker of a dependency: 0 closed, 1 half-open, 2 open.',
    labelNames: ['dependency'] as const,
    registers,
  });
  const transitions = new Counter({
    name: METRIC.breakerTransitions,
    help: 'Changes of a circuit breaker, by the state that it came to.',
    labelNames: ['dependency', 'state'] as const,
    registers,
  });
  const retries = new Counter({
    name: METRIC.retries,
    help: 'Calls that failed and were sent again, or were not for lack of budget.',
    labelNames: ['dependency', 'outcome'] as const,
    registers,
  });
  for (const dependency of breakers) {
    state.set({ dependency }, 0);
    for (const to of BREAKER_STATES) transitions.inc({ dependency, state: to }, 0);
  }
  return {
    breakerChanged(dependency, to) {
      state.set({ dependency }, BREAKER_STATES.indexOf(to));
      transitions.inc({ dependency, state: to });
      logger[to === 'closed' ? 'info' : 'warn']({ dependency, state: to }, 'circuit breaker changed');
    },
    retry(dependency, outcome) {
      retries.inc({ dependency, outcome });
    },
  };
}
