import type { RateLimitConfig } from '@headgate/contracts/config/schema';
import { toldQuotas } from '@headgate/testkit/rate-limit-fields';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CONFIG, type Fixture, fixture, KEYS, PREDICTION } from '../testing/app-fixture.ts';
import { countedBody, streamed } from '../testing/bodies.ts';
import { echoInference } from '../testing/echo-inference.ts';
import { pngHeader } from '../testing/images.ts';
import type { OpenInference } from '../upstream/inference.ts';
import { chargeRequest, wholePoints } from './charge.ts';
import { memoryLimiter } from './memory.ts';

/** The app whose client key has a quota for predictions in another unit. */
function withQuota(unit: 'images' | 'engine_ms', points: number, more: Partial<RateLimitConfig> = {}) {
  const tiers = { default: { all: null, predict: { points, window_s: 60, unit } } };
  return async (engineMs = PREDICTION.engineMs): Promise<Fixture> =>
    fixture({
      config: { ...CONFIG, rate_limit: { ...CONFIG.rate_limit, tiers, ...more } },
      predictor: { predict: async () => ({ ...PREDICTION, engineMs }) },
    });
}

const headers = { 'x-api-key': KEYS.client };

function predict({ send }: Fixture, images: readonly Uint8Array<ArrayBuffer>[]): Promise<Response> {
  const body = new FormData();
  for (const image of images) body.append('image', new Blob([image]), 'a.png');
  return send('/predict', { method: 'POST', body, headers });
}

const photos = (count: number) => Array.from({ length: count }, () => pngHeader(8, 8));
const left = (response: Response) => toldQuotas((name) => response.headers.get(name)).map(({ r }) => r);

describe('a quota of images', () => {
  it('is charged by those that are worth sending on, whole or not at all', async () => {
    const app = await withQuota('images', 10)();
    const first = await predict(app, photos(6));
    expect([first.status, left(first)]).toEqual([200, [4, 4]]);
    const tooMany = await predict(app, photos(5));
    expect([tooMany.status, tooMany.headers.get('retry-after'), left(tooMany)]).toEqual([429, '60', [4, 4]]);
    expect(app.seen.predictions).toHaveLength(6);
    const withBroken = await predict(app, [...photos(3), new Uint8Array(4)]);
    expect([withBroken.status, left(withBroken)]).toEqual([200, [1, 1]]);
  });

  it('refuses before the body is read when nothing is left, and leaves other routes alone', async () => {
    const app = await withQuota('images', 2)();
    await predict(app, photos(2));
    const body = countedBody();
    expect((await app.send('/predict', streamed(body.stream, headers))).status).toBe(429);
    expect(body.takenBytes()).toBe(0);
    expect((await app.send('/v1/models', { headers })).status).toBe(200);
  });

  it('counts encoded images in tensors, and a call of numbers as one', async () => {
    const app = await withQuota('images', 10)();
    const infer = (inputs: object[]) =>
      app.send('/v2/models/net/infer', { method: 'POST', body: JSON.stringify({ inputs }), headers });
    const image = Buffer.from(pngHeader(8, 8)).toString('base64');
    const tensor = { name: 'image', datatype: 'BYTES', shape: [3, 1], data: Array(3).fill(image) };
    expect(left(await infer([tensor]))).toEqual([7, 7]);
    expect(left(await infer([{ name: 'x', datatype: 'FP32', shape: [4, 1], data: [1, 2, 3, 4] }]))).toEqual([
      6, 6,
    ]);
  });

  it('is told in its unit', async () => {
    const response = await predict(await withQuota('images', 10)(), photos(1));
    expect(response.headers.get('ratelimit-policy')).toContain(
      '"key/predict/default/images/60";q=10;w=60;qu="images"',
    );
  });

  it('may be one of everybody', async () => {
    const global = { all: null, predict: { points: 3, window_s: 60, unit: 'images' as const } };
    const app = await withQuota('images', 10, { global })();
    expect((await predict(app, photos(2))).status).toBe(200);
    expect((await predict(app, photos(2))).status).toBe(429);
    expect(app.seen.rateLimited).toEqual(['global/predict']);
  });
});

describe('a quota of engine time', () => {
  it('is charged after the answer with what the engines spent, so that heavy models cost more', async () => {
    const light = await withQuota('engine_ms', 100)(2.5);
    const heavy = await withQuota('engine_ms', 100)(40);
    for (const app of [light, heavy]) expect(left(await predict(app, photos(1)))).toEqual([100, 100]);
    expect(left(await predict(light, photos(1)))).toEqual([97, 97]);
    expect(left(await predict(heavy, photos(1)))).toEqual([60, 60]);
  });

  it('adds up the images of a request, and refuses once it is used up', async () => {
    const app = await withQuota('engine_ms', 100)(30);
    expect((await predict(app, photos(4))).status).toBe(200);
    const refused = await predict(app, photos(1));
    expect([refused.status, left(refused), refused.headers.get('retry-after')]).toEqual([429, [0, 0], '60']);
  });

  it('is charged for tensors too, with what inference says of the call', async () => {
    const inference: OpenInference = {
      ...echoInference(),
      infer: async (...call) => ({
        ...(await echoInference().infer(...call)),
        parameters: { engine_ms: { double_param: 59.5, parameter_choice: 'double_param' } },
      }),
    };
    const tiers = {
      default: { all: null, predict: { points: 100, window_s: 60, unit: 'engine_ms' as const } },
    };
    const app = await fixture({
      config: { ...CONFIG, rate_limit: { ...CONFIG.rate_limit, tiers } },
      inference,
    });
    const body = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1], data: [1] }] });
    const infer = () => app.send('/v2/models/net/infer', { method: 'POST', body, headers });
    const answers = [await infer(), await infer(), await infer()];
    expect(answers.map((answer) => [answer.status, left(answer)])).toEqual([
      [200, [100, 100]],
      [200, [40, 40]],
      [429, [0, 0]],
    ]);
  });

  it('takes nothing for an answer that was known already', async () => {
    const app = await withQuota('engine_ms', 100)(0);
    for (let i = 0; i < 3; i++) expect(left(await predict(app, photos(1)))).toEqual([100, 100]);
  });
});

describe('the arithmetic of a tab', () => {
  const quota = { name: 'q', points: 1_000_000, windowMs: 60_000 };
  const rule = { scope: 'key', group: 'predict', unit: 'engine_ms', quota } as const;

  it('charges engine time in whole points: never less than was spent, less than one more for each call', async () => {
    const times = fc.array(fc.double({ min: 0, max: 5000, noNaN: true }), { maxLength: 50 });
    await fc.assert(
      fc.asyncProperty(times, async (spentMs) => {
        const limiter = memoryLimiter({ maxSubjects: 1 });
        const apply = async () => ({ applied: [], refusal: undefined });
        const subjects = { key: 'a', ip: 'b', credentials: 'b', global: 'c' };
        const tab = await chargeRequest({ own: [rule], global: [], subjects, apply, debit: limiter.debit });
        for (const ms of spentMs) tab.debitEngine(ms);
        const [state] = await limiter.consume([{ quota, subject: 'a', cost: 0 }]);
        const charged = quota.points - (state?.remaining ?? 0);
        const spent = spentMs.reduce((sum, ms) => sum + ms, 0);
        expect(charged).toBeGreaterThanOrEqual(spent - 1e-6);
        expect(charged).toBeLessThanOrEqual(spent + spentMs.length);
      }),
    );
  });

  it('makes whole points of any time', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (ms) => {
        expect(Number.isInteger(wholePoints(ms))).toBe(true);
        expect(wholePoints(ms) - ms).toBeGreaterThanOrEqual(0);
        expect(wholePoints(ms) - 1).toBeLessThan(Math.max(ms, Number.EPSILON));
      }),
    );
  });
});
