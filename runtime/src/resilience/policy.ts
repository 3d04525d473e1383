import { setTimeout as sleep } from 'node:timers/promises';
import { HeadgateError } from '@headgate/contracts/errors';
import { bulkhead, TaskCancelledError, TimeoutStrategy, timeout } from 'cockatiel';
import { nextPauseMs } from './backoff.ts';
import { createBreaker } from './breaker.ts';
import type { Dependency, DependencyConfig } from './policies.ts';
import type { BreakerState, ResilienceReport } from './report.ts';
import { RetryBudget } from './retry-budget.ts';

export interface PolicyOptions {
  readonly dependency: Dependency;
  readonly config: DependencyConfig;
  readonly report: ResilienceReport;
  /** False for errors that say nothing about the dependency's health, such as a record that it refuses. Default: all do. */
  readonly isFailure?: (error: unknown) => boolean;
  /** Monotonic, in ms. */
  readonly nowMs?: () => number;
  /** In [0, 1). */
  readonly random?: () => number;
  /** Settles after so many ms; rejects once the signal is aborted. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

/** How one dependency is called: breaker, bound, timeout and retries in one. */
export interface Policy {
  /**
   * Runs an idempotent call; it may run several times. `work` must stop when its signal is aborted.
   *
   * @param signal ends attempts and pauses alike: the caller's own deadline
   * @throws HeadgateError unavailable: at once while the breaker is open or too many calls are in progress, or when
   *   the last attempt took too long
   * @throws the error of the last attempt otherwise
   */
  run<T>(work: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T>;
  state(): BreakerState;
}

function refused(cause?: unknown): HeadgateError {
  const detail = 'A part of the service is not available right now. Please try again.';
  return new HeadgateError('unavailable', detail, { cause });
}

/** Builds the policy of one dependency. One for each process and dependency: its state is shared by all calls. */
export function createPolicy(options: PolicyOptions): Policy {
  const { dependency, config, report, isFailure = () => true } = options;
  const { nowMs = monotonicMs, random = Math.random, pause = pauseMs } = options;
  const { attempts, backoff_min_ms: minMs, backoff_max_ms: maxMs } = config.retry;
  const budget = new RetryBudget(config.retry.budget, nowMs);
  const slots = bulkhead(config.concurrency);
  const limit = timeout(config.timeout_ms, TimeoutStrategy.Cooperative);
  const breaker = createBreaker({
    config: config.breaker,
    counts: (error) => !(error instanceof CallerGone) && isFailure(error),
    nowMs,
    random,
    onState: (state) => report.breakerChanged(dependency, state),
  });

  const once = <T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> => {
    if (signal.aborted) throw new CallerGone(signal.reason);
    if (slots.executionSlots < 1) throw refused();
    if (!breaker.admits()) throw refused();
    const attempt = () =>
      limit
        .execute((_, attemptSignal) => untilGivenUp(work(attemptSignal), attemptSignal), signal)
        .catch((error) => {
          throw signal.aborted ? new CallerGone(signal.reason) : error;
        });
    return slots.execute(() => breaker.run(attempt));
  };

  const mayRetry = (error: unknown): boolean => {
    if (error instanceof CallerGone || error instanceof HeadgateError || !isFailure(error)) return false;
    const granted = budget.tryRetry();
    report.retry(dependency, granted ? 'sent' : 'over_budget');
    return granted;
  };

  const run = async <T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> => {
    budget.countCall();
    let lastMs: number | undefined;
    for (let left = attempts; ; left -= 1) {
      try {
        return await once(work, signal);
      } catch (error) {
        if (left === 0 || !breaker.admits() || !mayRetry(error)) throw error;
        lastMs = nextPauseMs(lastMs, { minMs, maxMs, random });
        await pause(lastMs, signal);
      }
    }
  };

  return {
    run: async (work, signal = NEVER) => {
      try {
        return await run(work, signal);
      } catch (error) {
        if (error instanceof CallerGone || signal.aborted) throw signal.reason;
        if (error instanceof TaskCancelledError) throw refused(error);
        throw error;
      }
    },
    state: breaker.state,
  };
}

/** The caller gave up: no fault of the dependency. */
class CallerGone extends Error {
  constructor(cause: unknown) {
    super('the caller gave up', { cause });
  }
}

/**
 * The result of `work`, or an error one turn of the event loop after the signal. A loop that was held up runs the timer
 * first, and only then reads what the dependency answered long ago: that must not count as a failure of it.
 */
function untilGivenUp<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => setImmediate(reject, new TaskCancelledError('the attempt took too long'));
    signal.addEventListener('abort', giveUp, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}

const NEVER = new AbortController().signal;
const monotonicMs = () => performance.now();
const pauseMs = (ms: number, signal: AbortSignal) => sleep(ms, undefined, { signal });
