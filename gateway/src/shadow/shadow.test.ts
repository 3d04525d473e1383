import { HeadgateError } from '@headgate/contracts/errors';
import { BUCKETS, parseRouting, type Shadow } from '@headgate/contracts/routing';
import { systemClock } from '@headgate/runtime/clock';
import { bucketOf } from '@headgate/runtime/routing/assign';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { AppDeps } from '../deps.ts';
import { uuidV7 } from '../routes/uuid-v7.ts';
import { noRecorder, type SeenShadow } from '../store/recorder.ts';
import { answerOf } from '../testing/answers.ts';
import { CONFIG, fixture, KEYS, PREDICTION, ROUTING } from '../testing/app-fixture.ts';
import { pngHeader } from '../testing/images.ts';
import type { PredictCall, Prediction } from '../upstream/inference.ts';
import { isSampled } from './mirror.ts';
import { ShadowQueue } from './shadow-queue.ts';

/** A call of a copy that the test answers. */
interface Sent extends PromiseWithResolvers<Prediction> {
  readonly call: PredictCall;
}

const BIG = 10 * 2 ** 20;
const LIMITS = { ...CONFIG.limits, body_bytes: BIG, held_bytes: 64 * 2 ** 20 };
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** The app with shadows of version 1, whose answers leave, and whose copies are answered, when the test says so. */
async function shadowed(shadows: readonly Shadow[], overrides: Partial<AppDeps> = {}) {
  const copies: Sent[] = [];
  const records: SeenShadow[] = [];
  const outcomes: string[] = [];
  const leaving: (() => void)[] = [];
  const queue = new ShadowQueue({
    predictor: {
      predict(call) {
        const sent = { call, ...Promise.withResolvers<Prediction>() };
        copies.push(sent);
        return sent.promise;
      },
    },
    readiness: overrides.readiness ?? { isReady: () => true },
    recorder: { shadow: (seen) => void records.push(seen) },
    report: { settled: ({ model, version }, outcome) => outcomes.push(`${model}/${version} ${outcome}`) },
    clock: systemClock,
  });
  const net = { ...ROUTING.models.net, shadows };
  const routing = parseRouting({ ...ROUTING, models: { net } });
  const gateway = await fixture({
    config: { ...CONFIG, limits: LIMITS },
    routing: { current: () => routing },
    recorder: { ...noRecorder, prediction: () => undefined },
    shadows: queue,
    onAnswered: (_env, then) => void leaving.push(then),
    ...overrides,
  });
  const post = (body: Uint8Array<ArrayBuffer> | FormData = pngHeader(8, 8), unit = CONTROL_UNIT) =>
    gateway.send('/predict', {
      method: 'POST',
      body,
      headers: {
        ...(body instanceof Uint8Array && { 'content-type': 'image/png' }),
        'x-headgate-unit': unit,
      },
    });
  /** The answers made so far have left. */
  const left = () => {
    for (const then of leaving.splice(0)) then();
  };
  /** Answers the copies, each once it is sent. */
  const answerAll = async (answer: Prediction = PREDICTION) => {
    for (let next = copies.shift(); next; next = copies.shift()) {
      next.resolve(answer);
      await settled();
    }
  };
  return { ...gateway, queue, copies, records, outcomes, post, left, answerAll };
}

/** A PNG of so many bytes, as far as it can be told from outside. */
function pngOf(bytes: number): Uint8Array<ArrayBuffer> {
  const image = new Uint8Array(bytes).map((_, i) => (i * 31) % 251);
  const header = pngHeader(3400, 3400);
  image.set(header);
  new DataView(image.buffer).setUint32(header.length, bytes - header.length - 12);
  image.set(new TextEncoder().encode('IDAT'), header.length + 4);
  return image;
}

/** Units of control and of the treatment. */
const CONTROL_UNIT = 'unit-1';
const TREATMENT_UNIT = Array.from({ length: 100 }, (_, i) => `unit-${i}`).find(
  (unit) => bucketOf('exp-1', unit) < 1000,
) as string;
const THIRD: Shadow = { version: '3', sample: 100 };

afterEach(() => {
  vi.useRealTimers();
});

describe('a sample', () => {
  it.each([0.01, 0.07, 12.5, 99.99, 100])('of %d percent has exactly its share of the buckets', (percent) => {
    // The first id of each bucket.
    const ids = new Map<number, string>();
    for (let n = 0; ids.size < BUCKETS; n += 1) {
      const bucket = bucketOf('shadow', `id-${n}`);
      if (!ids.has(bucket)) ids.set(bucket, `id-${n}`);
    }
    const sampled = [...ids.values()].filter((id) => isSampled(id, percent));
    expect(sampled).toHaveLength(Math.round(percent * 100));
  });

  it('has its share of the ids that the gateway makes, within the binomial 99.9 % interval', () => {
    const ids = Array.from({ length: 20_000 }, (_, i) => uuidV7(1_700_000_000_000 + i));
    const share = ids.filter((id) => isSampled(id, 12.5)).length / ids.length;
    expect(Math.abs(share - 0.125)).toBeLessThan(3.3 * Math.sqrt((0.125 * 0.875) / ids.length));
    expect(ids.filter((id) => isSampled(id, 5) && !isSampled(id, 12.5))).toEqual([]);
  });
});

describe('a request that control answered', () => {
  it('is copied only when its answer has left, to control and then to the shadow', async () => {
    const { post, left, copies, answerAll, records, outcomes } = await shadowed([THIRD]);
    const { id } = await answerOf(await post());
    await settled();
    expect(copies).toEqual([]);
    left();
    await settled();
    expect(copies.map(({ call }) => call.version)).toEqual(['1']);
    copies.shift()?.resolve(PREDICTION);
    await settled();
    const [{ call } = expect.fail('no copy')] = copies;
    expect(call).toMatchObject({ version: '3', tenant: null, background: true, sketch: false });
    await answerAll({ ...PREDICTION, top: [{ label: 'lynx', class_id: 287, score: 0.5 }] });
    expect(outcomes).toEqual(['net/3 differed']);
    expect(records).toMatchObject([
      {
        id,
        index: 0,
        model: 'net',
        version: '1',
        shadow_version: '3',
        outcome: 'ok',
        label: 'tiger cat',
        shadow: { label: 'lynx', agrees: false, score_change: null },
        noise: { label: 'tiger cat', agrees: true, score_change: 0 },
        label_order_differs: false,
      },
    ]);
  });

  it('has an answer, whether or not a shadow ever answers its copies', async () => {
    const { post, left, copies, queue } = await shadowed([THIRD]);
    for (let i = 0; i < 3; i += 1) {
      expect((await post()).status).toBe(200);
      left();
      await settled();
    }
    expect([copies.length, queue.items]).toEqual([1, 3]);
  });

  it('costs its client nothing: no prediction, no charge, no shed request comes from a copy', async () => {
    const { post, left, answerAll, seen, outcomes } = await shadowed([THIRD]);
    const response = await post();
    const before = structuredClone({ ...seen, calls: seen.calls.length });
    left();
    await settled();
    await answerAll();
    expect(outcomes).toEqual(['net/3 agreed']);
    expect({ ...seen, calls: seen.calls.length }).toEqual(before);
    expect(response.status).toBe(200);
  });

  it('goes to two shadows, with one copy for the noise of both', async () => {
    const { post, left, answerAll, copies, records } = await shadowed([THIRD, { version: '2', sample: 100 }]);
    await post();
    left();
    await settled();
    const versions: string[] = [];
    for (let next = copies.shift(); next; next = copies.shift()) {
      versions.push(next.call.version);
      next.resolve(PREDICTION);
      await settled();
    }
    await answerAll();
    expect(versions).toEqual(['1', '3', '2']);
    expect(records.map(({ shadow_version, noise }) => [shadow_version, noise?.agrees])).toEqual([
      ['3', true],
      ['2', true],
    ]);
  });

  it.each([2 ** 20 + 1, BIG])('is copied byte for byte when it has %d bytes', async (bytes) => {
    const image = pngOf(bytes);
    const { post, left, copies, queue, answerAll, outcomes } = await shadowed([THIRD]);
    expect((await post(image)).status).toBe(200);
    left();
    await settled();
    expect(queue.bytes).toBeGreaterThanOrEqual(bytes);
    expect(Buffer.compare(copies[0]?.call.image ?? new Uint8Array(), image)).toBe(0);
    await answerAll();
    expect([queue.bytes, outcomes]).toEqual([0, ['net/3 agreed']]);
  });

  it('is copied without the images that failed', async () => {
    const { post, left, answerAll, records } = await shadowed([THIRD]);
    const form = new FormData();
    form.append('image', new Blob(['no image']), 'a.png');
    form.append('image', new Blob([pngHeader(8, 8)]), 'b.png');
    expect((await post(form)).status).toBe(200);
    left();
    await settled();
    await answerAll();
    expect(records.map(({ index }) => index)).toEqual([1]);
  });

  it('is copied although its client left, and its copies take nothing from the client', async () => {
    const client = new AbortController();
    const { app, left, answerAll, outcomes } = await shadowed([THIRD]);
    const headers = { 'x-api-key': KEYS.bench, 'content-type': 'image/png', 'x-headgate-unit': CONTROL_UNIT };
    const request = { method: 'POST', body: pngHeader(8, 8), headers, signal: client.signal };
    await app.request('/predict', request, { ip: '192.0.2.1' });
    left();
    client.abort();
    await settled();
    await answerAll();
    expect(outcomes).toEqual(['net/3 agreed']);
  });
});

describe('nothing is copied', () => {
  it.each([
    ['of what a treatment answered', [THIRD], TREATMENT_UNIT],
    ['to the version that answered', [{ version: '1', sample: 100 }], CONTROL_UNIT],
    ['where there is no shadow', [], CONTROL_UNIT],
  ])('%s', async (_what, shadows, unit) => {
    const { post, left, queue, outcomes } = await shadowed(shadows);
    expect((await post(pngHeader(8, 8), unit)).status).toBe(200);
    left();
    expect([queue.items, outcomes]).toEqual([0, []]);
  });

  it('of tensors, nor of versions that the caller named', async () => {
    const { send, left, queue } = await shadowed([THIRD]);
    const headers = { 'content-type': 'image/png', 'x-api-key': KEYS.tester };
    const path = '/v1/models/net/versions/1/predict';
    expect((await send(path, { method: 'POST', body: pngHeader(8, 8), headers })).status).toBe(200);
    const inputs = [{ name: 'x', datatype: 'FP32', shape: [1], data: [1] }];
    const infer = { method: 'POST', body: JSON.stringify({ inputs }) };
    expect((await send('/v2/models/net/infer', infer)).status).toBe(200);
    left();
    expect(queue.items).toBe(0);
  });

  it('of a request that failed', async () => {
    const predictor = { predict: () => Promise.reject(new HeadgateError('unavailable', 'gone')) };
    const { post, left, queue } = await shadowed([THIRD], { predictor });
    expect((await post()).status).toBe(503);
    left();
    expect(queue.items).toBe(0);
  });
});

describe('a copy is dropped first, and counted', () => {
  it('once inference refused a request lately', async () => {
    let full = false;
    const predict = async () => {
      if (full) throw new HeadgateError('overloaded', 'full');
      return PREDICTION;
    };
    const { post, left, queue, outcomes, records } = await shadowed([THIRD], { predictor: { predict } });
    await post();
    full = true;
    await post();
    left();
    expect([queue.items, outcomes]).toEqual([0, ['net/3 busy']]);
    expect(records).toMatchObject([{ outcome: 'dropped', shadow: null, noise: null }]);
  });

  it('while many requests are in progress', async () => {
    const limits = { ...LIMITS, in_flight: 8 };
    const { post, left, outcomes } = await shadowed([THIRD], { config: { ...CONFIG, limits } });
    for (let i = 0; i < 3; i += 1) await post();
    left();
    // The first of them has left when the second one is looked at.
    expect(outcomes).toEqual(['net/3 busy']);
  });

  it('when 64 others wait', async () => {
    const { post, left, queue, outcomes } = await shadowed([THIRD]);
    for (let i = 0; i < 66; i += 1) {
      await post();
      left();
    }
    expect([queue.items, outcomes]).toEqual([64, ['net/3 full', 'net/3 full']]);
  });

  it('when copies hold 32 MiB, or when requests and copies hold half of the memory', async () => {
    const image = pngOf(BIG);
    for (const [held_bytes, fit] of [
      [96 * 2 ** 20, 3],
      [64 * 2 ** 20, 2],
    ] as const) {
      const limits = { ...LIMITS, held_bytes };
      const { post, left, queue, outcomes } = await shadowed([THIRD], { config: { ...CONFIG, limits } });
      for (let i = 0; i < 4; i += 1) {
        expect((await post(image)).status).toBe(200);
        left();
      }
      expect([queue.items, outcomes.length]).toEqual([fit, 4 - fit]);
    }
  });

  it('when inference has other work, with what was to be compared with it', async () => {
    const { post, left, copies, outcomes } = await shadowed([THIRD]);
    await post();
    left();
    await settled();
    copies.shift()?.reject(new HeadgateError('overloaded', 'busy'));
    await settled();
    expect([copies, outcomes]).toEqual([[], ['net/3 refused']]);
  });

  it('while its version is not ready', async () => {
    const readiness = { isReady: (_model: string, version: string) => version !== '3' };
    const { post, left, answerAll, outcomes } = await shadowed([THIRD], { readiness });
    await post();
    left();
    await settled();
    await answerAll();
    expect(outcomes).toEqual(['net/3 not_ready']);
  });
});

describe('a shadow that', () => {
  it('fails is sent nothing twice, and the failure is recorded', async () => {
    const { post, left, copies, outcomes, records } = await shadowed([THIRD]);
    await post();
    left();
    await settled();
    copies.shift()?.resolve(PREDICTION);
    await settled();
    copies.shift()?.reject(new HeadgateError('unavailable', 'gone'));
    await settled();
    expect([copies, outcomes]).toEqual([[], ['net/3 failed']]);
    expect(records).toMatchObject([{ outcome: 'unavailable', shadow: null, noise: { agrees: true } }]);
  });

  it('never answers holds up other copies until its deadline, and requests not at all', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const { post, left, copies, outcomes, queue } = await shadowed([THIRD]);
    for (let i = 0; i < 2; i += 1) {
      await post();
      left();
    }
    vi.advanceTimersByTime(4999);
    await settled();
    expect([copies.length, outcomes]).toEqual([1, []]);
    vi.advanceTimersByTime(1);
    await settled();
    expect(outcomes).toEqual(['net/3 late', 'net/3 late']);
    expect([queue.items, queue.bytes]).toEqual([0, 0]);
  });

  it('orders its labels differently is compared by name, and shows', async () => {
    const { post, left, answerAll, copies, records } = await shadowed([THIRD]);
    await post();
    left();
    await settled();
    copies.shift()?.resolve(PREDICTION);
    await settled();
    await answerAll({ ...PREDICTION, top: [{ label: 'tiger cat', class_id: 7, score: 0.385 }] });
    expect(records).toMatchObject([{ shadow: { agrees: true, class_id: 7 }, label_order_differs: true }]);
  });
});

describe('a stop', () => {
  it('ends what runs and what waits at once, gives the memory back, and takes nothing more', async () => {
    const { post, left, copies, queue, records } = await shadowed([THIRD]);
    for (let i = 0; i < 3; i += 1) await post();
    left();
    await settled();
    const stopped = queue.stop();
    await stopped;
    expect(copies[0]?.call.deadline.over?.reason).toBe('cancelled');
    await post();
    left();
    expect([queue.items, queue.bytes, records]).toEqual([0, 0, []]);
  });
});
