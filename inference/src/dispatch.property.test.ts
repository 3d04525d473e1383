import type { HeadgateError, Reason } from '@headgate/contracts/errors';
import { ManualClock } from '@headgate/testkit/manual-clock';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Dispatcher } from './dispatch.ts';
import type { Classes } from './engine/protocol.ts';
import { FakeEngine } from './testing/fake-engine.ts';
import { policiesFor } from './testing/policies.ts';

const LIMIT = { targetShare: 0.5, windowMs: 20 };
const FOREVER = Number.POSITIVE_INFINITY;

/** What a test may do next; numbers choose among what is possible then. */
type Step =
  | {
      readonly do: 'submit';
      readonly deadlineMs: number;
      readonly queueTimeoutMs: number;
      readonly level: number;
    }
  | { readonly do: 'cancel' | 'decode' | 'break' | 'run' | 'crash'; readonly pick: number }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'failRun'; readonly pick: number }
  | { readonly do: 'start' };

const pick = fc.nat({ max: 1000 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('submit'),
      deadlineMs: fc.integer({ min: 1, max: 200 }),
      queueTimeoutMs: fc.constantFrom(FOREVER, 15, 40),
      level: fc.integer({ min: 1, max: 2 }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('decode'), pick }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('run'), pick }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel'), pick }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pass'), ms: fc.integer({ min: 1, max: 60 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('break'), pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('failRun'), pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash'), pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('start') }) },
) as fc.Arbitrary<Step>;

const settings = fc.record({
  maxBatchSize: fc.integer({ min: 1, max: 4 }),
  maxQueueSize: fc.integer({ min: 1, max: 6 }),
  maxQueueDelayMs: fc.constantFrom(0, 0, 25),
  engines: fc.integer({ min: 1, max: 3 }),
  timeoutAction: fc.constantFrom('reject' as const, 'delay' as const),
  limited: fc.boolean(),
});
type Settings = typeof settings extends fc.Arbitrary<infer T> ? T : never;

interface Caller {
  /** The image, and so the class that it must be answered with. */
  readonly image: number;
  readonly controller: AbortController;
  readonly deadlineAtMs: number;
  /** Set once; `answers` counts how often. */
  outcome: 'ok' | Reason | undefined;
  cls: number | undefined;
  answers: number;
}

/** A dispatcher between random callers and random engines. */
class World {
  readonly clock = new ManualClock();
  readonly engines: FakeEngine[] = [];
  readonly callers: Caller[] = [];
  readonly dispatcher: Dispatcher;
  readonly #settings: Settings;
  /** Images whose callers had left before a run began. */
  readonly #gone = new Set<number>();
  /** Those of them that were run all the same. */
  readonly ranForNobody: number[] = [];

  constructor(settings: Settings) {
    this.#settings = settings;
    const policies = policiesFor({
      max_batch_size: settings.maxBatchSize,
      max_queue_size: settings.maxQueueSize,
      max_queue_delay_ms: settings.maxQueueDelayMs,
      timeout_action: settings.timeoutAction,
      priority_levels: 2,
      default_priority_level: 2,
      starvation_ms: 50,
    });
    this.dispatcher = new Dispatcher({
      ...policies,
      admission: { ...policies.admission, adaptiveLimit: settings.limited ? LIMIT : undefined },
      clock: this.clock,
      observer: { batchStarted: () => () => {} },
    });
    for (let i = 0; i < settings.engines; i += 1) this.#start();
  }

  act(step: Step): void {
    switch (step.do) {
      case 'submit':
        this.#submit(step);
        break;
      case 'cancel':
        this.#cancel(step.pick);
        break;
      case 'pass':
        this.#pass(step.ms);
        break;
      case 'decode':
        this.#withDecoding(step.pick, (engine, id) => engine.finishDecode(id));
        break;
      case 'break':
        this.#withDecoding(step.pick, (engine, id) => engine.failDecode(id));
        break;
      case 'run':
        this.#withRunning(step.pick, (engine) => engine.finishRun());
        break;
      case 'failRun':
        this.#withRunning(step.pick, (engine) => engine.failRun());
        break;
      case 'crash':
        this.#crash(step.pick);
        break;
      case 'start':
        if (this.engines.length < 3) this.#start();
    }
  }

  /** What must hold between any two steps. */
  check(): void {
    const { maxBatchSize, maxQueueSize, maxQueueDelayMs } = this.#settings;
    expect(this.dispatcher.queued).toBeLessThanOrEqual(maxQueueSize);
    const held = 2 * maxBatchSize * this.engines.length;
    expect(this.dispatcher.limit).toBeGreaterThanOrEqual(held);
    expect(this.dispatcher.limit).toBeLessThanOrEqual(held + maxQueueSize);
    for (const engine of this.engines) {
      expect(engine.ahead).toBeLessThanOrEqual(maxBatchSize);
      if (this.dispatcher.queued > 0) expect(engine.ahead).toBe(maxBatchSize);
      if (maxQueueDelayMs === 0 && engine.decodedCount > 0) expect(engine.isRunning).toBe(true);
    }
    for (const idle of this.engines.filter(({ isRunning, ahead }) => !isRunning && ahead === 0)) {
      const busy = this.engines.filter(({ isRunning }) => isRunning);
      expect(busy.flatMap((engine) => engine.aheadAndNewTo(idle))).toEqual([]);
    }
    if (this.engines.length === 0) expect(this.dispatcher.inFlight).toBe(0);
  }

  /** Lets everything come to its end. */
  finish(): void {
    this.#start();
    for (let round = 0; round < 100 && this.dispatcher.inFlight > 0; round += 1) {
      for (const engine of this.engines) {
        engine.decodeAll();
        this.clock.advance(1);
        if (engine.isRunning) engine.finishRun();
      }
    }
  }

  #start(): void {
    const engine = new FakeEngine(this.#settings.maxBatchSize);
    const run = engine.run.bind(engine);
    engine.run = (ids) => {
      run(ids);
      this.ranForNobody.push(...(engine.runs.at(-1) ?? []).filter((image) => this.#gone.has(image)));
    };
    this.engines.push(engine);
    this.dispatcher.attach(engine);
  }

  #submit({ deadlineMs, queueTimeoutMs, level }: Step & { readonly do: 'submit' }): void {
    const caller: Caller = {
      image: this.callers.length,
      controller: new AbortController(),
      deadlineAtMs: this.clock.monotonicMs() + deadlineMs,
      outcome: undefined,
      cls: undefined,
      answers: 0,
    };
    this.callers.push(caller);
    const { deadlineAtMs, controller, image } = caller;
    this.dispatcher
      .submit({
        payload: Uint8Array.of(image),
        level,
        deadlineAtMs,
        queueTimeoutMs,
        signal: controller.signal,
        span: undefined,
      })
      .then(
        ({ row }) => {
          caller.outcome = 'ok';
          caller.cls = (row as Classes).classIds[0];
          caller.answers += 1;
        },
        (error: HeadgateError) => {
          caller.outcome = error.reason;
          caller.answers += 1;
        },
      );
  }

  /** Millisecond by millisecond: a run may begin just before a deadline passes. */
  #pass(ms: number): void {
    for (let i = 0; i < ms; i += 1) {
      for (const { deadlineAtMs, image } of this.callers) {
        if (deadlineAtMs <= this.clock.monotonicMs() + 1) this.#markGone(image);
      }
      this.clock.advance(1);
    }
  }

  #crash(pick: number): void {
    const [engine] = this.engines.splice(pick % Math.max(1, this.engines.length), 1);
    if (engine) this.dispatcher.detach(engine, 'crash');
  }

  #cancel(pick: number): void {
    const caller = this.callers[pick % Math.max(1, this.callers.length)];
    if (!caller) return;
    this.#markGone(caller.image);
    caller.controller.abort();
  }

  /** An item that runs already may end; one that does not, must never start. */
  #markGone(image: number): void {
    if (!this.engines.some((engine) => engine.runs.flat().includes(image))) this.#gone.add(image);
  }

  #withDecoding(pick: number, fn: (engine: FakeEngine, id: number) => void): void {
    const all = this.engines.flatMap((engine) => engine.decoding.map((id) => ({ engine, id })));
    const chosen = all[pick % Math.max(1, all.length)];
    if (chosen) fn(chosen.engine, chosen.id);
  }

  #withRunning(pick: number, fn: (engine: FakeEngine) => void): void {
    const running = this.engines.filter(({ isRunning }) => isRunning);
    const engine = running[pick % Math.max(1, running.length)];
    if (engine) fn(engine);
  }
}

describe('Dispatcher, whatever happens', () => {
  it('answers every item exactly once, with its own row, within its bounds, and runs nothing for nobody', async () => {
    await fc.assert(
      fc.asyncProperty(settings, fc.array(step, { maxLength: 120, size: 'max' }), async (options, steps) => {
        const world = new World(options);
        for (const next of steps) {
          world.act(next);
          world.check();
        }
        world.finish();
        await new Promise((resolve) => setImmediate(resolve));
        expect(world.dispatcher.inFlight).toBe(0);
        expect(world.clock.pending).toBe(0);
        expect(world.ranForNobody).toEqual([]);
        for (const { answers, outcome, cls, image } of world.callers) {
          expect(answers).toBe(1);
          if (outcome === 'ok') expect(cls).toBe(image % 256);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('keeps the order of arrival within one engine', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 30 }),
        async (size, count) => {
          const world = new World({
            maxBatchSize: size,
            maxQueueSize: 30,
            maxQueueDelayMs: 0,
            engines: 1,
            timeoutAction: 'reject',
            limited: false,
          });
          const step = { do: 'submit', deadlineMs: 10_000, queueTimeoutMs: FOREVER, level: 1 } as const;
          for (let i = 0; i < count; i += 1) world.act(step);
          const [engine] = world.engines;
          for (let round = 0; round <= 2 * count && engine; round += 1) {
            engine.decodeAll();
            if (engine.isRunning) engine.finishRun();
          }
          expect(engine?.runs.flat()).toEqual(Array.from({ length: count }, (_, i) => i));
        },
      ),
      { numRuns: 50 },
    );
  });
});
