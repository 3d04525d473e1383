import { systemClock } from '@headgate/runtime/clock';
import { describe, expect, it, vi } from 'vitest';
import { RequestDeadline } from '../deadline.ts';
import { problemOf, reasonOf } from '../testing/answers.ts';
import { CONFIG, type Fixture, fixture } from '../testing/app-fixture.ts';
import { streamed } from '../testing/bodies.ts';
import { pngHeader } from '../testing/images.ts';
import type { PredictCall, Predictor } from '../upstream/inference.ts';

function post({ send }: Fixture, timeoutMs?: string, signal?: AbortSignal) {
  const headers = {
    'content-type': 'image/png',
    ...(timeoutMs === undefined ? {} : { 'x-headgate-timeout-ms': timeoutMs }),
  };
  return send('/predict', { method: 'POST', body: pngHeader(8, 8), headers, ...(signal ? { signal } : {}) });
}

/** Never answers, whatever the signal says. */
const stuck: Predictor = { predict: () => new Promise(() => undefined) };

describe('the budget of a request', () => {
  it.each([
    [undefined, CONFIG.deadline.default_ms],
    ['700', 700],
    ['9999', 9999],
    ['10001', CONFIG.deadline.max_ms],
    ['999999999', CONFIG.deadline.max_ms],
  ])('with the header %s is %i ms', async (header, budgetMs) => {
    const gateway = await fixture({ clock: { monotonicMs: () => 1000, epochMs: () => 0 } });
    await post(gateway, header);
    expect(gateway.seen.calls[0]?.deadline.remainingMs()).toBe(budgetMs);
  });

  it.each(['0', '-1', '1.5', 'soon', '', '1e3', '0x10', '1000000000', '10, 20'])(
    'is refused when the header says %j',
    async (header) => {
      const response = await post(await fixture(), header);
      expect([response.status, await reasonOf(response)]).toEqual([400, 'invalid_request']);
    },
  );

  it('is smaller by what has passed when inference is called', async () => {
    let now = 0;
    const clock = { monotonicMs: () => (now += 1), epochMs: () => 0 };
    const gateway = await fixture({ clock });
    await post(gateway, '700');
    expect(gateway.seen.calls[0]?.deadline.remainingMs()).toBeLessThan(700);
  });
});

describe('the budget of a caller that names none', () => {
  const { default_ms, max_ms } = CONFIG.deadline;

  /** A photo whose last bytes arrive when so much time has passed. */
  const slowly = async (arrivesAtMs: number, headers: Record<string, string> = {}) => {
    let now = 0;
    const clock = { monotonicMs: () => now, epochMs: () => 0 };
    const gateway = await fixture({ clock });
    const source = {
      pull(controller: ReadableStreamDefaultController) {
        now = arrivesAtMs;
        controller.enqueue(pngHeader(8, 8));
        controller.close();
      },
    };
    const body = new ReadableStream(source, { highWaterMark: 0 });
    const response = await gateway.send(
      '/predict',
      streamed(body, { 'content-type': 'image/png', ...headers }),
    );
    return { status: response.status, remainingMs: gateway.seen.calls[0]?.deadline.remainingMs() };
  };

  it('does not run while the body arrives, up to the ceiling', async () => {
    const late = max_ms - default_ms / 2;
    expect(await slowly(default_ms / 2)).toEqual({ status: 200, remainingMs: default_ms });
    expect(await slowly(late)).toEqual({ status: 200, remainingMs: max_ms - late });
  });

  it('that was granted does', async () => {
    const granted = { 'x-headgate-timeout-ms': '4000' };
    expect(await slowly(1500, granted)).toEqual({ status: 200, remainingMs: 2500 });
  });
});

describe('a deadline that passes', () => {
  it('is 504, even when inference does not listen', async () => {
    const response = await post(await fixture({ predictor: stuck }), '300');
    expect([response.status, await problemOf(response)]).toEqual([
      504,
      expect.objectContaining({
        reason: 'deadline_exceeded',
        detail: `The request took too long. The time limit of this request is 0.3 s; x-headgate-timeout-ms can grant up to ${CONFIG.deadline.max_ms} ms.`,
      }),
    ]);
  });

  it('is noticed before a call even when its timer is late', async () => {
    let now = 0;
    const clock = { monotonicMs: () => now, epochMs: () => 0 };
    const readiness = {
      isReady: () => {
        now = CONFIG.deadline.default_ms;
        return true;
      },
    };
    const gateway = await fixture({ clock, readiness });
    expect((await post(gateway)).status).toBe(504);
    expect(gateway.seen.calls).toEqual([]);
  });

  it('aborts the call with the reason', async () => {
    let call: PredictCall | undefined;
    const predictor: Predictor = {
      predict: (each) => {
        call = each;
        return stuck.predict(each);
      },
    };
    await post(await fixture({ predictor }), '300');
    expect(call?.deadline.signal.reason).toMatchObject({ reason: 'deadline_exceeded' });
  });

  it('leaves the images that were back in time', async () => {
    const calls: PredictCall[] = [];
    const predictor: Predictor = {
      predict: (call) =>
        calls.push(call) === 1
          ? Promise.resolve({ top: [], timing: NO_TIME, engineMs: 0 })
          : stuck.predict(call),
    };
    const { send } = await fixture({ predictor });
    const form = new FormData();
    for (const width of [1, 2]) form.append('image', new Blob([pngHeader(width, 1)]), 'a.png');
    const response = await send('/predict', {
      method: 'POST',
      body: form,
      headers: { 'x-headgate-timeout-ms': '300' },
    });
    expect(await response.json()).toMatchObject({
      predictions: [
        { index: 0, top: [] },
        { index: 1, error: { reason: 'deadline_exceeded' } },
      ],
    });
  });
});

const NO_TIME = { queueMs: 0, decodeMs: 0, runMs: 0 };

describe('a client that goes away', () => {
  it('cancels its call, and is reported as cancelled', async () => {
    const client = new AbortController();
    const predictor: Predictor = {
      predict: (call) => {
        client.abort();
        return stuck.predict(call);
      },
    };
    const gateway = await fixture({ predictor });
    const response = await post(gateway, undefined, client.signal);
    expect(response.status).toBe(499);
    expect(gateway.seen.requests).toMatchObject([{ status: 499, reason: 'cancelled' }]);
    expect(gateway.seen.predictions).toMatchObject([{ outcome: 'cancelled' }]);
  });

  it('before its image was sent on causes no call at all', async () => {
    const client = new AbortController();
    client.abort();
    const gateway = await fixture();
    await post(gateway, undefined, client.signal);
    expect(gateway.seen.calls).toEqual([]);
    expect(gateway.seen.requests).toMatchObject([{ reason: 'cancelled' }]);
  });
});

describe('an ended request', () => {
  it('leaves no timer behind', async () => {
    const gateway = await fixture();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      await post(gateway);
      await post(await fixture(), 'soon');
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it('leaves no listener on the connection', () => {
    const client = new AbortController();
    const added = vi.spyOn(client.signal, 'addEventListener');
    const removed = vi.spyOn(client.signal, 'removeEventListener');
    new RequestDeadline(
      { startedAtMs: systemClock.monotonicMs(), budgetMs: 1000 },
      systemClock,
      client.signal,
    )[Symbol.dispose]();
    expect(removed.mock.calls.map(([type, listener]) => [type, listener])).toEqual(
      added.mock.calls.map(([type, listener]) => [type, listener]),
    );
  });
});
