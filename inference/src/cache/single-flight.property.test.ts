import { HeadgateError, REASONS, type Reason } from '@headgate/contracts/errors';
import { ManualClock } from '@headgate/testkit/manual-clock';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Work } from '../dispatch.ts';
import type { Classes } from '../engine/protocol.ts';
import type { ItemResult } from '../item.ts';
import { type Landing, SingleFlight } from './single-flight.ts';

const MAX_WAITING = 4;
const FAILURES = ['unavailable', 'overloaded', 'cancelled', 'deadline_exceeded', 'internal'] as const;

type Step =
  | { readonly do: 'ask'; readonly key: number; readonly deadlineMs: number }
  | { readonly do: 'cancel' | 'succeed'; readonly pick: number }
  | { readonly do: 'fail'; readonly pick: number; readonly reason: Reason }
  | { readonly do: 'pass'; readonly ms: number };

const pick = fc.nat({ max: 1000 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('ask'),
      key: fc.nat({ max: 2 }),
      deadlineMs: fc.integer({ min: 1, max: 60 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel'), pick }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('succeed'), pick }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('fail'), pick, reason: fc.constantFrom(...FAILURES) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pass'), ms: fc.integer({ min: 1, max: 20 }) }) },
) as fc.Arbitrary<Step>;

interface Caller {
  readonly key: string;
  readonly controller: AbortController;
  readonly deadlineAtMs: number;
  readonly answers: (Landing | HeadgateError)[];
  /** Failures of runs that it waited for, as they came. */
  readonly failures: Reason[];
}

/** A run as the dispatcher would do it: it ends by itself, at its deadline, or with its signal. */
interface Run {
  readonly key: string;
  readonly work: Work;
  readonly done: boolean;
  succeed(): void;
  fail(reason: Reason): void;
}

class World {
  readonly clock = new ManualClock();
  readonly callers: Caller[] = [];
  readonly runs: Run[] = [];
  readonly flights = new SingleFlight({
    clock: this.clock,
    maxWaiting: MAX_WAITING,
    run: (work, key) => this.#start(work, key),
  });

  async act(step: Step): Promise<void> {
    if (step.do === 'ask') this.#ask(`key-${step.key}`, step.deadlineMs);
    if (step.do === 'cancel') this.callers[step.pick % Math.max(1, this.callers.length)]?.controller.abort();
    if (step.do === 'succeed') this.#running(step.pick)?.succeed();
    if (step.do === 'fail') this.#fail(step.pick, step.reason);
    if (step.do === 'pass') this.clock.advance(step.ms);
    await settled();
  }

  waiting(key?: string): Caller[] {
    return this.callers.filter((one) => one.answers.length === 0 && (key === undefined || one.key === key));
  }

  /** What must hold between any two steps. */
  check(): void {
    const open = this.runs.filter(({ done }) => !done);
    // One run for each question that somebody waits for, and none for others.
    expect(open.map(({ key }) => key).sort()).toEqual(
      [...new Set(this.waiting().map(({ key }) => key))].sort(),
    );
    expect(this.flights.waiting).toBe(this.waiting().length);
    expect(this.waiting().length - open.length).toBeLessThanOrEqual(MAX_WAITING);
    for (const { deadlineAtMs, controller } of this.waiting()) {
      expect(deadlineAtMs).toBeGreaterThan(this.clock.monotonicMs());
      expect(controller.signal.aborted).toBe(false);
    }
  }

  #ask(key: string, deadlineMs: number): void {
    const controller = new AbortController();
    const deadlineAtMs = this.clock.monotonicMs() + deadlineMs;
    const caller: Caller = { key, controller, deadlineAtMs, answers: [], failures: [] };
    this.callers.push(caller);
    const work: Work = {
      payload: new TextEncoder().encode(key),
      level: 1,
      deadlineAtMs,
      queueTimeoutMs: Number.POSITIVE_INFINITY,
      signal: controller.signal,
      span: undefined,
    };
    this.flights.join(key, work).then(
      (landing) => caller.answers.push(landing),
      (error: HeadgateError) => caller.answers.push(error),
    );
  }

  #running(pick: number): Run | undefined {
    const open = this.runs.filter(({ done }) => !done);
    return open[pick % Math.max(1, open.length)];
  }

  #fail(pick: number, reason: Reason): void {
    const run = this.#running(pick);
    for (const caller of run ? this.waiting(run.key) : []) caller.failures.push(reason);
    run?.fail(reason);
  }

  #start(work: Work, key: string): Promise<ItemResult> {
    const answer = Promise.withResolvers<ItemResult>();
    let done = false;
    const end = (finish: () => void) => {
      if (done) return;
      done = true;
      cancelTimer();
      finish();
    };
    const fail = (reason: Reason) => end(() => answer.reject(new HeadgateError(reason, 'it failed')));
    const cancelTimer = this.clock.after(work.deadlineAtMs - this.clock.monotonicMs(), () => {
      for (const caller of this.waiting(key)) {
        if (caller.deadlineAtMs > this.clock.monotonicMs()) caller.failures.push('deadline_exceeded');
      }
      fail('deadline_exceeded');
    });
    work.signal.addEventListener('abort', () => fail('cancelled'));
    this.runs.push({
      key,
      work,
      get done() {
        return done;
      },
      succeed: () => end(() => answer.resolve(resultOf(key))),
      fail,
    });
    return answer.promise;
  }
}

function resultOf(key: string): ItemResult {
  const row = { classIds: Int32Array.of(Number(key.at(-1))), scores: Float32Array.of(1) };
  return { row, queueMs: 0, decodeMs: 0, runMs: 1, batchSize: 1 };
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Whether a caller may have been told so. */
function isJust({ answers, failures, controller, deadlineAtMs }: Caller, nowMs: number): boolean {
  const [answer] = answers;
  if (!(answer instanceof HeadgateError)) return true;
  const { reason } = answer;
  if (reason === 'cancelled' && controller.signal.aborted) return true;
  if (reason === 'deadline_exceeded' && deadlineAtMs <= nowMs) return true;
  // Turned away before it waited for anything.
  if (reason === 'overloaded' && failures.length === 0) return true;
  return failures.at(-1) === reason;
}

describe('SingleFlight, whatever happens', () => {
  it('gives everyone who waits exactly one answer of its own, from one run at a time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
        const world = new World();
        for (const next of steps) {
          await world.act(next);
          world.check();
        }
        world.clock.advance(100);
        await settled();
        expect(world.flights.waiting).toBe(0);
        expect(world.clock.pending).toBe(0);
        expect(world.runs.every(({ done }) => done)).toBe(true);
        for (const caller of world.callers) {
          expect(caller.answers).toHaveLength(1);
          expect(isJust(caller, world.clock.monotonicMs())).toBe(true);
          const [answer] = caller.answers as [Landing | HeadgateError];
          if (answer instanceof HeadgateError) continue;
          expect((answer.result.row as Classes).classIds[0]).toBe(Number(caller.key.at(-1)));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('fails nobody for what befell another: who is still there after a failure of the moment is tried again once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...FAILURES),
        fc.constantFrom(...FAILURES),
        fc.integer({ min: 2, max: MAX_WAITING + 1 }),
        async (first, second, callers) => {
          const world = new World();
          for (let i = 0; i < callers; i += 1) await world.act({ do: 'ask', key: 0, deadlineMs: 10 + i });
          await world.act({ do: 'fail', pick: 0, reason: first });
          const isOfTheMoment = REASONS[first].retryable || first === 'cancelled';
          expect(world.waiting()).toHaveLength(isOfTheMoment ? callers - 1 : 0);
          if (!isOfTheMoment) return;
          expect(world.runs).toHaveLength(2);
          expect(world.runs[1]?.work.deadlineAtMs).toBe(10 + callers - 1);
          await world.act({ do: 'fail', pick: 0, reason: second });
          expect(world.waiting()).toEqual([]);
          expect(world.runs).toHaveLength(2);
        },
      ),
      { numRuns: 100 },
    );
  });
});
