import type { HeadgateError } from '@headgate/contracts/errors';
import { NO_DECODE } from '@headgate/contracts/image/decode-cost';
import { ManualClock } from '@headgate/testkit/manual-clock';
import { beforeEach, describe, expect, it } from 'vitest';
import { Dispatcher, type Work } from '../dispatch.ts';
import type { Classes } from '../engine/protocol.ts';
import type { ItemResult } from '../item.ts';
import { FakeEngine } from '../testing/fake-engine.ts';
import { policiesFor } from '../testing/policies.ts';
import { AFFINE, manifestOf } from '../testing/tensor-models.ts';
import type { Tenant } from './key.ts';
import { ResponseCache } from './response-cache.ts';

const SETTINGS = { max_bytes: 100_000, ttl_ms: 0, max_waiting: 8 };
const QUEUE = 2;

let clock: ManualClock;
let engine: FakeEngine;
let dispatcher: Dispatcher;
let cache: ResponseCache;

beforeEach(() => {
  clock = new ManualClock();
  clock.advance(1);
  engine = new FakeEngine(1);
  dispatcher = new Dispatcher({
    ...policiesFor({ max_batch_size: 1, max_queue_size: QUEUE }),
    clock,
    observer: { batchStarted: () => () => {} },
  });
  dispatcher.attach(engine);
  cache = new ResponseCache({ settings: SETTINGS, manifest: manifestOf('m', AFFINE), dispatcher, clock });
});

interface Terms {
  readonly tenant?: Tenant;
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

/** A call of several images of one byte, each a payload of its own, as they come from the wire. */
function call(images: readonly number[], caller: Terms = {}): Promise<ItemResult>[] {
  const { deadlineMs = 1000, signal = new AbortController().signal } = caller;
  const tenant = Object.hasOwn(caller, 'tenant') ? caller.tenant : 'a';
  const items = images.map((image) => Uint8Array.of(image));
  const answerer = cache.forCall({ tenant, items, costs: items.map(() => NO_DECODE) });
  answerer.admit({ count: items.length, remainingMs: deadlineMs, work: 0.1, level: 1, share: '' });
  const terms = { level: 1, queueTimeoutMs: Number.POSITIVE_INFINITY, signal, span: undefined };
  const deadlineAtMs = clock.monotonicMs() + deadlineMs;
  const answers = items.map((payload) => answerer.submit({ ...terms, payload, deadlineAtMs }));
  for (const answer of answers) answer.catch(() => {});
  return answers;
}

const ask = (image: number, terms?: Terms) => call([image], terms)[0] as Promise<ItemResult>;

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Lets the engine do whatever is there. */
async function work(): Promise<void> {
  for (let round = 0; round < 20; round += 1) {
    engine.decodeAll();
    if (engine.isRunning) engine.finishRun();
    await settled();
  }
}

const outcomeOf = async (answer: Promise<ItemResult>) => (await answer).cache?.outcome;
const classOf = async (answer: Promise<ItemResult>) => ((await answer).row as Classes).classIds[0];
const reasonOf = (answer: Promise<ItemResult>) =>
  answer.then(
    () => 'ok',
    (error: HeadgateError) => error.reason,
  );

describe('ResponseCache', () => {
  it('answers what it knows without a run', async () => {
    const first = ask(7);
    await work();
    const second = ask(7);
    expect([await outcomeOf(first), await outcomeOf(second)]).toEqual(['miss', 'hit']);
    expect([await classOf(first), await classOf(second)]).toEqual([7, 7]);
    expect(await second).toMatchObject({ queueMs: 0, decodeMs: 0, runMs: 0, batchSize: 0 });
    expect(engine.runs).toEqual([[7]]);
  });

  it('caches the items of a call one by one', async () => {
    await Promise.all([work(), ...call([1, 2])]);
    const answers = call([2, 3, 1]);
    await work();
    expect(await Promise.all(answers.map(outcomeOf))).toEqual(['hit', 'miss', 'hit']);
    expect(await Promise.all(answers.map(classOf))).toEqual([2, 3, 1]);
    expect(engine.runs).toEqual([[1], [2], [3]]);
  });

  it('runs what several ask at the same time once, and gives each memory of its own', async () => {
    const answers = [ask(5), ask(5), ...call([5, 5])];
    await work();
    expect(await Promise.all(answers.map(outcomeOf))).toEqual(['miss', 'shared', 'shared', 'shared']);
    const rows = await Promise.all(answers.map(async (answer) => (await answer).row as Classes));
    expect(new Set(rows.map(({ classIds }) => classIds.buffer)).size).toBe(4);
    expect(engine.runs).toEqual([[5]]);
  });

  it('has an answer for those who ask while it is given', async () => {
    const first = ask(5);
    engine.decodeAll();
    engine.finishRun();
    const late = first.then(() => outcomeOf(ask(5)));
    expect(await late).toBe('hit');
    expect(engine.runs).toHaveLength(1);
  });

  it('keeps no failure', async () => {
    const broken = ask(3);
    engine.failDecode(engine.decoding[0] as number);
    expect(await reasonOf(broken)).toBe('undecodable_image');
    const again = ask(3);
    await work();
    expect(await outcomeOf(again)).toBe('miss');
  });

  it('answers from what it knows while the queue is full, and counts only what would have to run', async () => {
    await Promise.all([work(), ask(1)]);
    call([10]);
    await settled();
    // One runs, one gathers, and the queue takes two.
    engine.decodeAll();
    call([11]);
    call([12]);
    const joint = call([1, 12, 13]);
    expect(() => call([14])).toThrow(expect.objectContaining({ reason: 'overloaded' }));
    expect(await outcomeOf(ask(1))).toBe('hit');
    expect(() => call([1, 13, 14])).toThrow(expect.objectContaining({ reason: 'overloaded' }));
    await work();
    expect(await Promise.all(joint.map(outcomeOf))).toEqual(['hit', 'shared', 'miss']);
  });

  it('asks for the work of what would have to run, and not for a part of all', () => {
    const asks: { count: number; work: number }[] = [];
    const noting = {
      admit: (asked: (typeof asks)[number]) => void asks.push(asked),
      submit: (one: Work) => dispatcher.submit(one),
    };
    const noted = new ResponseCache({
      settings: SETTINGS,
      manifest: manifestOf('m', AFFINE),
      dispatcher: noting,
      clock,
    });
    const costs = [400, 1, 400].map((work) => ({ work, memoryBytes: 0 }));
    const items = [7, 8, 7].map((image) => Uint8Array.of(image));
    noted
      .forCall({ tenant: 'a', items, costs })
      .admit({ count: 3, remainingMs: 1000, work: 801, level: 1, share: '' });
    expect(asks).toMatchObject([{ count: 2, work: 401 }]);
  });

  it('goes on for those who wait when the one who asked first cancels', async () => {
    const controller = new AbortController();
    const first = ask(4, { signal: controller.signal });
    const second = ask(4);
    controller.abort();
    expect(await reasonOf(first)).toBe('cancelled');
    await work();
    expect(await outcomeOf(second)).toBe('miss');
    expect(engine.runs).toEqual([[4]]);
  });

  it('never runs an item after the last one who waited for it has left', async () => {
    ask(9);
    engine.decodeAll();
    const callers = [new AbortController(), new AbortController()];
    const answers = callers.map(({ signal }) => ask(4, { signal }));
    for (const caller of callers) caller.abort();
    expect(await Promise.all(answers.map(reasonOf))).toEqual(['cancelled', 'cancelled']);
    await work();
    expect(engine.runs).toEqual([[9]]);
    expect(dispatcher.inFlight).toBe(0);
  });

  it('gives those with more time another run when the deadline of the first one passes', async () => {
    ask(9, { deadlineMs: 500 });
    engine.decodeAll();
    const hasty = ask(4, { deadlineMs: 20 });
    const patient = ask(4, { deadlineMs: 400 });
    clock.advance(20);
    expect(await reasonOf(hasty)).toBe('deadline_exceeded');
    await work();
    expect(await outcomeOf(patient)).toBe('miss');
  });

  it('asks an engine that is left when the one that had the item ends', async () => {
    const spare = new FakeEngine(1);
    const answers = [ask(4), ask(4)];
    dispatcher.attach(spare);
    dispatcher.detach(engine, 'crash');
    await settled();
    spare.decodeAll();
    spare.finishRun();
    expect(await Promise.all(answers.map(reasonOf))).toEqual(['unavailable', 'ok']);
    expect(spare.runs).toEqual([[4]]);
  });

  it('refuses more callers than may wait for the runs of others', async () => {
    const answers = Array.from({ length: SETTINGS.max_waiting + 2 }, () => ask(4));
    await work();
    const reasons = await Promise.all(answers.map(reasonOf));
    expect(reasons.filter((reason) => reason === 'ok')).toHaveLength(SETTINGS.max_waiting + 1);
    expect(reasons.at(-1)).toBe('overloaded');
  });
});

describe('tenants of a ResponseCache', () => {
  it('never get an answer that another one asked for, not even their time', async () => {
    await Promise.all([work(), ask(7, { tenant: 'a' })]);
    for (const tenant of ['b', undefined]) {
      const answer = ask(7, { tenant });
      // It waits for a run like any first question.
      engine.decodeAll();
      expect(engine.isRunning).toBe(true);
      engine.finishRun();
      expect(await outcomeOf(answer)).toBe('miss');
    }
    expect(engine.runs).toEqual([[7], [7], [7]]);
  });

  it('do not share a run that happens at the same time', async () => {
    const answers = ['a', 'b', undefined].map((tenant) => ask(7, { tenant }));
    await work();
    expect(await Promise.all(answers.map(outcomeOf))).toEqual(['miss', 'miss', 'miss']);
    expect(engine.runs).toEqual([[7], [7], [7]]);
  });
});
