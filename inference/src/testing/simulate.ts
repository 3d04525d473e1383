import type { HeadgateError } from '@headgate/contracts/errors';
import { ManualClock } from '@headgate/testkit/manual-clock';
import { Dispatcher, type DispatchOptions } from '../dispatch.ts';
import { policiesFor } from './policies.ts';
import { SimulatedEngine, type SimulatedTimes } from './simulated-engine.ts';

/** Callers arrive at fixed times, independent of answers (open model). All times are virtual. */
export interface Scenario {
  readonly maxBatchSize: number;
  readonly engines: number;
  readonly times: SimulatedTimes;
  /** What the engines say when they start, if it is not true. */
  readonly warmUpMs?: (batchSize: number) => number;
  readonly adaptiveLimit?: DispatchOptions['admission']['adaptiveLimit'];
  /** Ms between arrivals. */
  readonly gapMs: number;
  readonly arrivals: number;
  /** Budget of the n-th caller, in ms. */
  readonly deadlineMs: (arrival: number) => number;
}

export interface Call {
  readonly startedMs: number;
  readonly endedMs: number;
  /** `refused`: at once, before any work. */
  readonly outcome: 'ok' | 'refused' | 'expired';
}

export interface Simulation {
  readonly calls: readonly Call[];
  /** Images that were decoded. */
  readonly decodes: number;
  /** Items that might be in flight at the end. */
  readonly limit: number;
}

/** Items per second of so many engines with full batches. */
export function capacityOf({ times, engines, maxBatchSize }: Scenario): number {
  return (engines * maxBatchSize * 1000) / times.runMs(maxBatchSize, 0);
}

export async function simulate(scenario: Scenario): Promise<Simulation> {
  const { engines, times, warmUpMs = times.runMs, maxBatchSize, gapMs, arrivals } = scenario;
  const clock = new ManualClock();
  const policies = policiesFor({ max_batch_size: maxBatchSize, max_queue_size: 64 });
  const admission = { ...policies.admission, adaptiveLimit: scenario.adaptiveLimit };
  const observer = { batchStarted: () => () => {} };
  const dispatcher = new Dispatcher({ ...policies, admission, clock, observer });
  const simulated = Array.from({ length: engines }, () => new SimulatedEngine(clock, times));
  const sizes = [1, 2, 4, 8].filter((size) => size <= maxBatchSize);
  const warmUp = new Map(sizes.map((size) => [size, warmUpMs(size, 0)]));
  for (const engine of simulated) dispatcher.attach(engine, warmUp);
  const calls: Call[] = [];
  const pass = async () => {
    clock.advance(gapMs);
    // Answers are promises: those that are settled are noticed at their time.
    await new Promise((resolve) => setImmediate(resolve));
  };
  for (let arrival = 0; arrival < arrivals; arrival += 1) {
    const startedMs = clock.monotonicMs();
    void call(dispatcher, startedMs, scenario.deadlineMs(arrival)).then((outcome) => {
      calls.push({ startedMs, endedMs: clock.monotonicMs(), outcome });
    });
    await pass();
  }
  const { limit } = dispatcher;
  while (calls.length < arrivals) await pass();
  return { calls, limit, decodes: simulated.reduce((sum, { decodedAtMs }) => sum + decodedAtMs.size, 0) };
}

async function call(dispatcher: Dispatcher, nowMs: number, remainingMs: number): Promise<Call['outcome']> {
  try {
    dispatcher.admit({ count: 1, work: 0.1, remainingMs, level: 1, share: '' });
  } catch {
    return 'refused';
  }
  const work = {
    payload: new Uint8Array(),
    level: 1,
    deadlineAtMs: nowMs + remainingMs,
    queueTimeoutMs: Number.POSITIVE_INFINITY,
    signal: new AbortController().signal,
    span: undefined,
  };
  try {
    await dispatcher.submit(work);
    return 'ok';
  } catch (error) {
    if ((error as HeadgateError).reason === 'deadline_exceeded') return 'expired';
    throw error;
  }
}
