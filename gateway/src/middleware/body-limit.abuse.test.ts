import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { problemOf } from '../testing/answers.ts';
import { CONFIG, fixture, KEYS } from '../testing/app-fixture.ts';
import { streamed } from '../testing/bodies.ts';
import { pngHeader } from '../testing/images.ts';

const INFER = '/v2/models/net/infer';

/** An app with little room, and requests of it whose bodies wait. */
async function crowded(limits: Partial<typeof CONFIG.limits>) {
  const sent: (() => void)[] = [];
  const gateway = await fixture({
    config: { ...CONFIG, limits: { ...CONFIG.limits, ...limits } },
    onAnswered: (_env, then) => void sent.push(then),
  });
  const { send } = gateway;
  const gates: PromiseWithResolvers<void>[] = [];
  /** A photo of this key, of which nothing arrives before `open`; resolves when it is awaited, or refused. */
  const slow = async (key: string, headers: Record<string, string> = {}) => {
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    const awaited = Promise.withResolvers<void>();
    const source = {
      async pull(controller: ReadableStreamDefaultController) {
        awaited.resolve();
        await gate.promise;
        controller.enqueue(pngHeader(8, 8));
        controller.close();
      },
    };
    const stream = new ReadableStream(source, { highWaterMark: 0 });
    const answer = send('/predict', streamed(stream, { 'x-api-key': key, ...headers }));
    await Promise.race([awaited.promise, answer]);
    return { answer };
  };
  const open = () => {
    for (const { resolve } of gates.splice(0)) resolve();
  };
  const models = (key: string) => send('/v1/models', { headers: { 'x-api-key': key } });
  /** The answers leave. */
  const deliver = () => {
    for (const then of sent.splice(0)) then();
  };
  return { ...gateway, slow, open, models, deliver };
}

describe('requests in progress', () => {
  it('of one key leave room for others: what is above its share is 429, with the limit and what to do', async () => {
    const { slow, open, models } = await crowded({ in_flight: 4 });
    const running = [await slow(KEYS.bench), await slow(KEYS.bench)];
    const refused = await models(KEYS.bench);
    expect([refused.status, refused.headers.get('retry-after'), await problemOf(refused)]).toEqual([
      429,
      '1',
      expect.objectContaining({
        reason: 'rate_limited',
        detail: expect.stringMatching(/ 2 of 4 requests, your share at present; send the next one when/),
      }),
    ]);
    expect((await models(KEYS.tester)).status).toBe(200);
    open();
    expect((await Promise.all(running.map(({ answer }) => answer))).map(({ status }) => status)).toEqual([
      200, 200,
    ]);
  });

  it('of all callers are bounded: one more is our overload, and is served once answers have left', async () => {
    const { slow, open, models, deliver } = await crowded({ in_flight: 2 });
    const running = [await slow(KEYS.bench), await slow(KEYS.tester)];
    expect(await problemOf(await models(KEYS.admin))).toMatchObject({ reason: 'overloaded' });
    open();
    for (const { answer } of running) await answer;
    expect((await models(KEYS.admin)).status).toBe(503);
    deliver();
    expect((await models(KEYS.admin)).status).toBe(200);
  });
});

describe('bytes of bodies in progress', () => {
  const room = { body_bytes: 1000, held_bytes: 2000 };

  it('count by their announced length before any of them arrives', async () => {
    const { slow, open, send, deliver } = await crowded(room);
    const large = { 'content-length': '900' };
    const first = await slow(KEYS.bench, large);
    const refused = await (await slow(KEYS.bench, { 'content-length': '300' })).answer;
    expect(await problemOf(refused)).toMatchObject({
      reason: 'rate_limited',
      detail: expect.stringContaining('900 of 2000 bytes'),
    });
    const second = await slow(KEYS.tester, large);
    const third = await (await slow(KEYS.admin, large)).answer;
    expect([third.status, await problemOf(third)]).toEqual([
      503,
      expect.objectContaining({ reason: 'overloaded' }),
    ]);
    open();
    expect([(await first.answer).status, (await second.answer).status]).toEqual([200, 200]);
    deliver();
    const again = { method: 'POST', body: pngHeader(8, 8), headers: { 'content-type': 'image/png' } };
    expect((await send('/predict', again)).status).toBe(200);
  });

  it('count as they arrive where no length is announced, and as they inflate', async () => {
    const { send, deliver } = await crowded({ body_bytes: 10_000, held_bytes: 2000 });
    const stream = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(500)),
    });
    const endless = await send('/predict', streamed(stream));
    expect(await problemOf(endless)).toMatchObject({ reason: 'rate_limited' });
    deliver();
    const bomb = await send(INFER, {
      method: 'POST',
      body: gzipSync(Buffer.alloc(9000)),
      headers: { 'content-encoding': 'gzip' },
    });
    expect(await problemOf(bomb)).toMatchObject({ reason: 'overloaded' });
  });

  it('count of answers with tensors too, until they have left', async () => {
    const { send, deliver } = await crowded({ body_bytes: 2000, held_bytes: 2000 });
    const data = Array(100).fill(1.25);
    const body = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [100], data }] });
    const ask = () => send(INFER, { method: 'POST', body });
    expect([(await ask()).status, (await ask()).status]).toEqual([200, 429]);
    deliver();
    expect((await ask()).status).toBe(200);
  });
});
