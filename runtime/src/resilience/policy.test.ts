import { stat } from 'node:fs/promises';
import { HeadgateError } from '@headgate/contracts/errors';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { DependencyConfig } from './policies.ts';
import { createPolicy, type Policy, type PolicyOptions } from './policy.ts';

const config: DependencyConfig = {
  timeout_ms: 50,
  concurrency: 2,
  retry: {
    attempts: 0,
    backoff_min_ms: 10,
    backoff_max_ms: 40,
    budget: { share: 0, min_retries: 3, window_ms: 10_000 },
  },
  breaker: { failures: 3, open_min_ms: 100, open_max_ms: 500 },
};
const retrying = (attempts: number, min_retries = 3): DependencyConfig => ({
  ...config,
  retry: { ...config.retry, attempts, budget: { ...config.retry.budget, min_retries } },
});

let nowMs: number;
let heard: string[];
let pauses: number[];

const policyOf = (changes: Partial<PolicyOptions> = {}): Policy =>
  createPolicy({
    dependency: 'redis',
    config,
    report: {
      breakerChanged: (dependency, state) => heard.push(`${dependency} ${state}`),
      retry: (_, outcome) => heard.push(outcome),
    },
    nowMs: () => nowMs,
    random: () => 0,
    pause: async (ms) => pauses.push(ms),
    ...changes,
  });

const works = async () => 'ok';
const fails = async () => Promise.reject(new Error('down'));
const outcomeOf = (policy: Policy, work: (signal: AbortSignal) => Promise<unknown>, signal?: AbortSignal) =>
  policy.run(work, signal).catch((error) => (error instanceof HeadgateError ? error.reason : error.message));
const failTimes = async (policy: Policy, times: number) => {
  for (let i = 0; i < times; i += 1) await outcomeOf(policy, fails);
};

beforeEach(() => {
  nowMs = 1000;
  heard = [];
  pauses = [];
});
afterEach(() => vi.useRealTimers());

describe('The breaker of a policy', () => {
  it('opens after failures in a row, and then refuses without a call', async () => {
    const policy = policyOf();
    await failTimes(policy, 2);
    await outcomeOf(policy, works);
    await failTimes(policy, 2);
    expect(policy.state()).toBe('closed');
    await failTimes(policy, 1);
    const work = vi.fn(works);
    expect(await outcomeOf(policy, work)).toBe('unavailable');
    expect([policy.state(), work.mock.calls.length, heard]).toEqual(['open', 0, ['redis open']]);
  });

  it('lets one probe through after its pause, refuses the others meanwhile, and closes when it succeeds', async () => {
    const policy = policyOf();
    await failTimes(policy, 3);
    nowMs += 99;
    expect(await outcomeOf(policy, works)).toBe('unavailable');
    nowMs += 1;
    const { promise, resolve } = Promise.withResolvers<string>();
    const probe = policy.run(() => promise);
    expect(policy.state()).toBe('half_open');
    expect(await outcomeOf(policy, works)).toBe('unavailable');
    resolve('back');
    expect([await probe, policy.state(), await outcomeOf(policy, works)]).toEqual(['back', 'closed', 'ok']);
    expect(heard).toEqual(['redis open', 'redis half_open', 'redis closed']);
  });

  it('stays open longer each time that a probe fails, up to its limit', async () => {
    const policy = policyOf({ random: () => 0.999999 });
    await failTimes(policy, 3);
    for (const openMs of [300, 500, 500]) {
      nowMs += openMs - 1;
      expect(await outcomeOf(policy, fails), `before ${openMs} ms`).toBe('unavailable');
      nowMs += 1;
      expect(await outcomeOf(policy, fails), `after ${openMs} ms`).toBe('down');
    }
  });

  it('is not held open by a wall clock that is set back', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const policy = policyOf();
    await failTimes(policy, 3);
    vi.setSystemTime(0);
    nowMs += 100;
    expect(await outcomeOf(policy, works)).toBe('ok');
  });

  it('does not count what says nothing about the dependency', async () => {
    const policy = policyOf({ isFailure: (error) => (error as Error).message !== 'refused' });
    for (let i = 0; i < 5; i += 1) {
      expect(await outcomeOf(policy, () => Promise.reject(new Error('refused')))).toBe('refused');
    }
    expect(policy.state()).toBe('closed');
  });

  it('does not count callers who went away, and is not closed by one', async () => {
    const policy = policyOf();
    const leave = async () => {
      const caller = new AbortController();
      const left = outcomeOf(policy, () => new Promise(() => {}), caller.signal);
      caller.abort(new Error('gone'));
      return left;
    };
    for (let i = 0; i < 5; i += 1) expect(await leave()).toBe('gone');
    expect(policy.state()).toBe('closed');
    await failTimes(policy, 3);
    nowMs += 100;
    expect(await leave()).toBe('gone');
    expect(policy.state()).toBe('open');
  });
});

describe('A policy', () => {
  it('takes an answer that was there before its event loop was free to look, and no failure from it', async () => {
    const policy = policyOf();
    // One look at the disk, by a thread of its own; the loop hears of it long after the time limit.
    const answer = policy.run(() => stat('.'));
    for (const freeAtMs = performance.now() + 3 * config.timeout_ms; performance.now() < freeAtMs; );
    expect((await answer).isDirectory()).toBe(true);
    expect(heard).toEqual([]);
  });

  it('gives up an attempt that takes too long, tells the work to stop, and counts it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const policy = policyOf();
    const signals: AbortSignal[] = [];
    const hang = (signal: AbortSignal) => {
      signals.push(signal);
      return new Promise(() => {});
    };
    for (let i = 0; i < 3; i += 1) {
      const outcome = outcomeOf(policy, hang);
      await vi.advanceTimersByTimeAsync(50);
      expect(await outcome).toBe('unavailable');
    }
    expect(signals.map((signal) => signal.aborted)).toEqual([true, true, true]);
    expect(policy.state()).toBe('open');
  });

  it('refuses calls beyond those that may be in progress, without counting them as failures', async () => {
    const policy = policyOf();
    const { promise, resolve } = Promise.withResolvers<string>();
    const running = [policy.run(() => promise), policy.run(() => promise)];
    for (let i = 0; i < 5; i += 1) expect(await outcomeOf(policy, works)).toBe('unavailable');
    resolve('ok');
    expect([await Promise.all(running), policy.state()]).toEqual([['ok', 'ok'], 'closed']);
    expect(await outcomeOf(policy, works)).toBe('ok');
  });

  it('tries again after growing pauses, and gives the last error when nothing helped', async () => {
    const policy = policyOf({ config: retrying(2), random: () => 0.999999 });
    const work = vi.fn(fails);
    expect(await outcomeOf(policy, work)).toBe('down');
    expect([work.mock.calls.length, pauses.map(Math.round)]).toEqual([3, [30, 40]]);
    expect(heard).toEqual(['sent', 'sent', 'redis open']);
    nowMs += 500;
    const second = vi.fn(works).mockRejectedValueOnce(new Error('once'));
    const closed = policyOf({ config: retrying(1) });
    expect(await outcomeOf(closed, second)).toBe('ok');
  });

  it('does not try again beyond the budget', async () => {
    const policy = policyOf({ config: retrying(2, 1) });
    const work = vi.fn(fails);
    await outcomeOf(policy, work);
    expect([work.mock.calls.length, heard]).toEqual([2, ['sent', 'over_budget']]);
  });

  it('neither pauses nor tries again once the caller has gone', async () => {
    const caller = new AbortController();
    const policy = policyOf({
      config: retrying(2),
      pause: async () => {
        caller.abort(new Error('gone'));
      },
    });
    const work = vi.fn(fails);
    expect(await outcomeOf(policy, work, caller.signal)).toBe('gone');
    expect(work).toHaveBeenCalledOnce();
  });
});
