import { ManualClock } from '@headgate/testkit/manual-clock';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Batch } from './batch.ts';
import { Dispatcher } from './dispatch.ts';
import { policiesFor } from './testing/policies.ts';
import { SimulatedEngine } from './testing/simulated-engine.ts';

const MAX_BATCH = 4;
const DELAY_MS = 50;
const runMs = (size: number) => 2 * size;
/** What the dispatcher reckons with: estimates are exact here, and the margin is the default one. */
const answerAtMostMs = (size: number) => 1.2 * runMs(size);

interface Released {
  readonly batch: Batch;
  readonly atMs: number;
  /** When the engine had ended the batch before. */
  readonly idleSinceMs: number;
}

const arrivals = fc.array(
  fc.record({
    gapMs: fc.nat({ max: 60 }),
    deadlineMs: fc.oneof(fc.integer({ min: 20, max: 90 }), fc.constant(900)),
  }),
  { minLength: 1, maxLength: 40 },
);

/** One engine that decodes for 1 ms and runs for 2 ms an item, under a granted delay. */
function play(steps: readonly { readonly gapMs: number; readonly deadlineMs: number }[]) {
  const clock = new ManualClock();
  const engine = new SimulatedEngine(clock, { runMs, decodeMs: 1 });
  const released: Released[] = [];
  let idleSinceMs = 0;
  const dispatcher = new Dispatcher({
    ...policiesFor({ max_batch_size: MAX_BATCH, max_queue_delay_ms: DELAY_MS }),
    clock,
    observer: {
      batchStarted: (batch) => {
        released.push({ batch, atMs: clock.monotonicMs(), idleSinceMs });
        return () => {
          idleSinceMs = clock.monotonicMs();
        };
      },
    },
  });
  dispatcher.attach(engine, new Map([1, 2, 3, 4].map((size) => [size, runMs(size)])));
  for (const { gapMs, deadlineMs } of steps) {
    clock.advance(gapMs);
    dispatcher
      .submit({
        payload: new Uint8Array(),
        level: 1,
        deadlineAtMs: clock.monotonicMs() + deadlineMs,
        queueTimeoutMs: Number.POSITIVE_INFINITY,
        signal: new AbortController().signal,
        span: undefined,
      })
      .catch(() => {});
  }
  clock.advance(2000);
  return { released, decodedAtMs: engine.decodedAtMs, inFlight: dispatcher.inFlight };
}

/** What the members of a batch allow. */
function boundsOf({ members }: Batch) {
  const delayEndsMs = Math.min(...members.map(({ item }) => item.queuedAtMs)) + DELAY_MS;
  const urgentMs = Math.min(...members.map(({ item }) => item.deadlineAtMs));
  return { delayEndsMs, startByMs: urgentMs - answerAtMostMs(members.length) };
}

describe('a granted batch delay, whatever comes', () => {
  it('is honoured exactly: no batch leaves earlier or later than its members and its engine allow', () => {
    fc.assert(
      fc.property(arrivals, (steps) => {
        const { released, decodedAtMs, inFlight } = play(steps);
        expect(inFlight).toBe(0);
        for (const { batch, atMs, idleSinceMs } of released) {
          const completeMs = Math.max(...batch.members.map(({ item }) => decodedAtMs.get(item.id) as number));
          const { delayEndsMs, startByMs } = boundsOf(batch);
          const dueMs = batch.members.length === MAX_BATCH ? completeMs : Math.min(delayEndsMs, startByMs);
          expect(atMs).toBeCloseTo(Math.max(idleSinceMs, completeMs, dueMs), 6);
        }
      }),
    );
  });

  it('is named as the reason only when it was one', () => {
    fc.assert(
      fc.property(arrivals, (steps) => {
        for (const { batch, atMs } of play(steps).released) {
          const { delayEndsMs } = boundsOf(batch);
          const waited = atMs >= delayEndsMs - 1e-6 ? 'delay' : 'deadline';
          expect(batch.reason).toBe(batch.members.length === MAX_BATCH ? 'full' : waited);
        }
      }),
    );
  });
});
