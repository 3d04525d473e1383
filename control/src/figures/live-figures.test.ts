import { beforeEach, describe, expect, it } from 'vitest';
import { createScrape, FRESH_MS } from '../cluster/scrape.ts';
import { FIGURE_NAMES, GatewayFigures } from './live-figures.ts';

const SERVED = { model: 'm', version: '2', variant: 'new' };
const LABELS = 'model="m",version="2",variant="new"';

/** A page of a gateway that answered so many; `fast` of them within 64 to 128 ms, the others within 256 ms. */
const page = ({ ok = 0, failed = 0, refused = 0, fast = 0, ready = 1 }) => `
headgate_predictions_total{${LABELS},outcome="ok"} ${ok}
headgate_predictions_total{${LABELS},outcome="internal"} ${failed}
headgate_predictions_total{${LABELS},outcome="undecodable_image"} ${refused}
headgate_prediction_duration_seconds_bucket{le="0.064",${LABELS}} 0
headgate_prediction_duration_seconds_bucket{le="0.128",${LABELS}} ${fast}
headgate_prediction_duration_seconds_bucket{le="0.256",${LABELS}} ${ok + failed + refused}
headgate_prediction_duration_seconds_bucket{le="+Inf",${LABELS}} ${ok + failed + refused}
headgate_model_version_ready{model="m",version="2"} ${ready}
headgate_parked_requests{${LABELS}} ${7 * ok}`;

describe('live figures', () => {
  let nowMs: number;
  let pages: Map<string, string | undefined>;
  let figures: GatewayFigures;

  beforeEach(() => {
    nowMs = 0;
    pages = new Map([['a', page({})]]);
    const scrape = createScrape({
      resolve: async () => [...pages.keys()],
      fetch: async (url) => {
        const text = pages.get(new URL(`${url}`).host);
        return new Response(text ?? '', { status: text === undefined ? 503 : 200 });
      },
      names: new Set([...FIGURE_NAMES, 'headgate_parked_requests']),
      nowMs: () => nowMs,
    });
    figures = new GatewayFigures({ scrape, nowMs: () => nowMs });
  });

  const round = async (...changes: [string, string | undefined][]) => {
    nowMs += 1000;
    for (const [address, text] of changes) pages.set(address, text);
    await figures.round();
  };
  const counts = (windowMs = 60_000) => {
    const window = figures.window(SERVED, windowMs);
    return window && [window.requests, window.errors];
  };

  it('counts what happened since a gateway was first seen, and only 5xx as errors', async () => {
    await round(['a', page({ ok: 500, failed: 100 })]);
    expect(counts()).toEqual([0, 0]);
    await round(['a', page({ ok: 510, failed: 103, refused: 2 })]);
    expect(counts()).toEqual([15, 3]);
  });

  it('counts the first requests of a variant that a known gateway had not served yet', async () => {
    await round(['a', 'headgate_model_version_ready{model="m",version="2"} 1']);
    await round(['a', page({ ok: 3 })]);
    expect(counts()).toEqual([3, 0]);
  });

  it('goes on at 0 where a gateway was restarted, and sums all gateways', async () => {
    await round(['a', page({ ok: 50 })], ['b', page({ ok: 7 })]);
    await round(['a', page({ ok: 4 })], ['b', page({ ok: 9 })]);
    expect(counts()).toEqual([6, 0]);
  });

  it('forgets a gateway that left its name, and takes what it says later as a start', async () => {
    await round(['a', page({ ok: 50 })], ['b', page({ ok: 7 })]);
    pages.delete('b');
    await round();
    await round(['b', page({ ok: 700 })]);
    expect(counts()).toEqual([0, 0]);
  });

  it('holds windows apart', async () => {
    await round();
    await round(['a', page({ ok: 10 })]);
    await round(['a', page({ ok: 30 })]);
    expect([counts(1000), counts(2000)]).toEqual([
      [20, 0],
      [30, 0],
    ]);
    expect(figures.counts(SERVED)).toMatchObject({ requests: 30, errors: 0 });
  });

  it('finds quantiles within the bucket that has them', async () => {
    await round();
    await round(['a', page({ ok: 100, fast: 60 })]);
    const { p50Ms, p95Ms, p99Ms } = figures.window(SERVED, 5000) ?? {};
    expect([p50Ms, p95Ms, p99Ms].map((ms) => Math.round(ms ?? 0))).toEqual([117, 240, 253]);
    expect(figures.window(SERVED, 5000)?.bounds.p95_ms).toEqual({ lowMs: 128, highMs: 256 });
  });

  it('has no quantiles without samples', async () => {
    await round();
    expect(figures.window(SERVED, 5000)).toEqual({
      requests: 0,
      errors: 0,
      p50Ms: null,
      p95Ms: null,
      p99Ms: null,
      bounds: { p95_ms: null, p99_ms: null },
    });
  });

  it('has no data once no gateway has answered for 5 s, and is not fresh with one of two silent', async () => {
    await round(['a', page({})], ['b', page({})]);
    expect(figures.isFresh()).toBe(true);
    nowMs += FRESH_MS - 1000;
    await round(['a', page({ ok: 1 })], ['b', undefined]);
    expect([figures.isFresh(), counts()]).toEqual([false, [1, 0]]);
    expect(figures.gateways()).toEqual([
      { address: 'a', ready: true },
      { address: 'b', ready: false },
    ]);
    nowMs += FRESH_MS;
    expect(counts()).toBeUndefined();
  });

  it('says on which gateways a version is ready', async () => {
    await round(['a', page({})], ['b', page({ ready: 0 })]);
    expect(figures.readyOn('m', '2').map(({ ready }) => ready)).toEqual([true, false]);
    expect(figures.readyOn('m', '3').map(({ ready }) => ready)).toEqual([false, false]);
  });
});
