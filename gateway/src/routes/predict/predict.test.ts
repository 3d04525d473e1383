import { HeadgateError, type Reason } from '@headgate/contracts/errors';
import { describe, expect, it } from 'vitest';
import { answerOf, reasonOf } from '../../testing/answers.ts';
import { type Fixture, fixture, KEYS, PREDICTION } from '../../testing/app-fixture.ts';
import { jpegHeader, pngHeader, webpHeader } from '../../testing/images.ts';
import type { PredictCall, Predictor } from '../../upstream/inference.ts';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
type Bytes = Uint8Array<ArrayBuffer>;

/** Control by its hash. */
const ALICE = { 'x-headgate-unit': 'alice' };

function postRaw({ send }: Fixture, body: Bytes, type: string, headers: Record<string, string> = {}) {
  return send('/predict', { method: 'POST', body, headers: { 'content-type': type, ...ALICE, ...headers } });
}

function postForm({ send }: Fixture, images: readonly (Bytes | string)[]) {
  const form = new FormData();
  images.forEach((image, i) => {
    form.append('image', new Blob([image]), `${i}.png`);
  });
  return send('/predict', { method: 'POST', body: form, headers: ALICE });
}

/** Answers each image as its width says: the request's items can be told apart. */
function byWidth(behave: (width: number, call: PredictCall) => Promise<void>): Predictor {
  return {
    async predict(call) {
      const width = new DataView(call.image.buffer, call.image.byteOffset).getUint32(16);
      await behave(width, call);
      return { ...PREDICTION, top: [{ label: `w${width}`, class_id: width, score: 1 }] };
    },
  };
}

const failing = (reasons: Record<number, Reason>): Predictor =>
  byWidth(async (width) => {
    const reason = reasons[width];
    if (reason) throw new HeadgateError(reason, `because of ${reason}`);
  });

describe('the answer of a prediction', () => {
  it('has the documented shape for one raw image', async () => {
    const gateway = await fixture();
    const response = await postRaw(gateway, pngHeader(8, 8), 'image/png');
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      id: expect.stringMatching(UUID_V7),
      model: 'net',
      version: '1',
      variant: 'control',
      predictions: [{ index: 0, filename: null, top: PREDICTION.top }],
      timing_ms: { total: expect.any(Number), upstream: expect.any(Number), queue: 1, decode: 2, run: 3 },
    });
  });

  it.each([
    ['image/jpeg', jpegHeader(8, 8)],
    ['image/jpg', jpegHeader(8, 8)],
    ['image/png', pngHeader(8, 8)],
    ['image/webp', webpHeader('lossy', 8, 8)],
    ['image/webp; charset=binary', webpHeader('extended', 8, 8)],
    ['IMAGE/WEBP', webpHeader('lossless', 8, 8)],
    ['application/octet-stream', jpegHeader(8, 8)],
  ])('comes for a raw body of %s, whose bytes are passed on as they are', async (type, image) => {
    const gateway = await fixture();
    expect((await postRaw(gateway, image, type)).status).toBe(200);
    expect(gateway.seen.calls[0]?.image).toEqual(image);
    expect(gateway.seen.bodies).toEqual([image.byteLength]);
  });

  it('is asked for in the name of the key, so that nobody gets what was kept for another', async () => {
    const gateway = await fixture();
    for (const key of [KEYS.client, KEYS.other]) {
      const headers = { 'content-type': 'image/png', 'x-api-key': key, 'x-headgate-tenant': 'mine' };
      await gateway.send('/predict', { method: 'POST', headers, body: pngHeader(8, 8) });
    }
    expect(gateway.seen.calls.map(({ tenant }) => tenant)).toEqual(['client01', 'client02']);
  });

  it('has an item for each image, in the order of the request, whichever is back first', async () => {
    const slowestFirst = byWidth((width) => new Promise((resolve) => setTimeout(resolve, 20 - width)));
    const widths = Array.from({ length: 16 }, (_, i) => i + 1);
    const images = widths.map((width) => pngHeader(width, 1));
    const answer = await answerOf(await postForm(await fixture({ predictor: slowestFirst }), images));
    expect(answer.predictions).toEqual(
      widths.map((width, index) => ({
        index,
        filename: `${index}.png`,
        top: [{ label: `w${width}`, class_id: width, score: 1 }],
      })),
    );
  });

  it('reports the slowest image of each stage', async () => {
    const stages = [
      { queueMs: 5, decodeMs: 1.0004, runMs: 2 },
      { queueMs: 1, decodeMs: 7, runMs: 3.00061 },
    ];
    const predictor: Predictor = {
      predict: async () => ({ ...PREDICTION, timing: stages.pop() ?? PREDICTION.timing }),
    };
    const gateway = await fixture({ predictor });
    const { timing_ms } = await answerOf(await postForm(gateway, [pngHeader(1, 1), pngHeader(2, 2)]));
    expect(timing_ms).toMatchObject({ queue: 5, decode: 7, run: 3.001 });
    expect(timing_ms.total).toBeGreaterThanOrEqual(timing_ms.upstream);
  });
});

describe('one bad image among several', () => {
  it('fails alone, whether the gateway or inference refuses it', async () => {
    const gateway = await fixture({ predictor: failing({ 2: 'undecodable_image' }) });
    const response = await postForm(gateway, [
      pngHeader(1, 1),
      'no image',
      pngHeader(2, 2),
      pngHeader(9000, 9000),
    ]);
    expect(response.status).toBe(200);
    expect((await answerOf(response)).predictions).toMatchObject([
      { index: 0, filename: '0.png', top: [{ label: 'w1' }] },
      {
        index: 1,
        filename: '1.png',
        error: { reason: 'unsupported_media_type', detail: expect.any(String) },
      },
      { index: 2, error: { reason: 'undecodable_image', detail: 'because of undecodable_image' } },
      { index: 3, error: { reason: 'image_too_large' } },
    ]);
  });

  it('is never sent on when the gateway knows that it is bad', async () => {
    const gateway = await fixture();
    await postForm(gateway, ['no image', pngHeader(1, 1)]);
    expect(gateway.seen.calls).toHaveLength(1);
  });

  it('is reported with its reason, the others as ok', async () => {
    const gateway = await fixture();
    await postForm(gateway, [pngHeader(1, 1), 'no image']);
    expect(gateway.seen.predictions).toMatchObject([
      { outcome: 'unsupported_media_type', model: 'net', variant: 'control' },
      { outcome: 'ok', model: 'net', version: '1', variant: 'control', assignedVariant: 'control' },
    ]);
  });
});

describe('all images bad', () => {
  it.each([
    [['no image', pngHeader(9000, 9000)], 415, 'unsupported_media_type'],
    [[pngHeader(9000, 9000), pngHeader(0, 1), 'no image'], 422, 'undecodable_image'],
    [['no image', pngHeader(3, 3)], 503, 'overloaded'],
    [[pngHeader(3, 3), pngHeader(4, 4)], 504, 'deadline_exceeded'],
    [[pngHeader(2, 2)], 422, 'undecodable_image'],
  ] as const)('is answered as the most severe: %#', async (images, status, reason) => {
    const predictor = failing({ 2: 'undecodable_image', 3: 'overloaded', 4: 'deadline_exceeded' });
    const response = await postForm(await fixture({ predictor }), images);
    expect([response.status, await reasonOf(response)]).toEqual([status, reason]);
  });
});

describe('a predictor that throws what it should not', () => {
  it.each([['a text'], [undefined], [null], [{ reason: 'internal' }]])(
    '%j is an internal error',
    async (thrown) => {
      const predictor: Predictor = { predict: () => Promise.reject(thrown) };
      const response = await postRaw(await fixture({ predictor }), pngHeader(1, 1), 'image/png');
      expect([response.status, await reasonOf(response)]).toEqual([500, 'internal']);
    },
  );
});
