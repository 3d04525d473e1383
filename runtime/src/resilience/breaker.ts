import {
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
  type IBackoff,
} from 'cockatiel';
import { nextPauseMs } from './backoff.ts';
import type { DependencyConfig } from './policies.ts';
import type { BreakerState } from './report.ts';

export interface BreakerOptions {
  readonly config: DependencyConfig['breaker'];
  /** False for errors that say nothing about the dependency: a refusal of ours, a caller who went away. */
  readonly counts: (error: unknown) => boolean;
  /** Monotonic, in ms. */
  readonly nowMs: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  readonly onState: (state: BreakerState) => void;
}

export interface Breaker {
  state(): BreakerState;
  /** False while calls are to be refused. */
  admits(): boolean;
  run<T>(work: () => Promise<T>): Promise<T>;
}

/** Opens after failures in a row; then lets one probe through after each pause, until one succeeds. */
export function createBreaker({ config, counts, nowMs, random, onState }: BreakerOptions): Breaker {
  const { failures, open_min_ms: minMs, open_max_ms: maxMs } = config;
  const lastsMs = (lastMs?: number) => nextPauseMs(lastMs, { minMs, maxMs, random });
  let endsMs = 0;

  /**
   * cockatiel measures how long it is open by the wall clock, and a clock that is set back would keep it open. It
   * compares with `duration` at each call, so that a duration of nothing or of eternity lets our clock decide.
   */
  const openFor = (ms: number): IBackoff<unknown> => {
    endsMs = nowMs() + ms;
    return {
      get duration() {
        return nowMs() >= endsMs ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
      },
      next: () => openFor(lastsMs(ms)),
    };
  };

  const inProbe = () => policy.state === CircuitState.HalfOpen;
  const policy: CircuitBreakerPolicy = circuitBreaker(
    // A probe that did not tell anything must not close the breaker.
    handleWhen((error: unknown) => inProbe() || counts(error)),
    { halfOpenAfter: { next: () => openFor(lastsMs()) }, breaker: new ConsecutiveBreaker(failures) },
  );
  policy.onStateChange((state) => onState(nameOf(state)));
  return {
    state: () => nameOf(policy.state),
    // Others than the probe would wait inside cockatiel for its end, without a bound.
    admits: () => !inProbe() && (policy.state === CircuitState.Closed || nowMs() >= endsMs),
    run: (work) => policy.execute(work),
  };
}

function nameOf(state: CircuitState): BreakerState {
  if (state === CircuitState.Closed) return 'closed';
  return state === CircuitState.HalfOpen ? 'half_open' : 'open';
}
