import { parseRouting } from '@headgate/contracts/routing';
import { samplesOf } from '@headgate/runtime/exposition';
import { eventually } from '@headgate/testkit/eventually';
import { ManualClock } from '@headgate/testkit/manual-clock';
import { describe, expect, it, vi } from 'vitest';
import { AdminError } from '../api-env.ts';
import { type LiveViewDeps, liveView } from './live-view.ts';
import { ObservedSplit } from './observed.ts';
import { Pods } from './pods.ts';

const NOW_MS = 1_700_000_000_000;
const routing = parseRouting({
  schema: 1,
  default_model: 'digits',
  models: {
    digits: {
      versions: ['1', '2'],
      experiment: {
        name: 'e',
        salt: 's',
        variants: [
          { name: 'a', version: '1', weight: 90 },
          { name: 'b', version: '2', weight: 10 },
        ],
      },
    },
  },
});
const inForce = { revision: 'r7', changedAtMs: NOW_MS - 60_000, changedBy: 'user:alice' };
const snapshot = { ...inForce, routing, inForce, refused: [], source: 'file' } as const;

const deps = (more: Partial<LiveViewDeps> = {}): LiveViewDeps => ({
  routing: { current: () => snapshot },
  figures: {
    isFresh: () => true,
    gateways: () => [{ address: 'g1', ready: true }],
    readyOn: (_, version) => [
      { address: 'g1', ready: true },
      { address: 'g2', ready: version === '1' },
    ],
    window: ({ variant }) =>
      variant === 'a'
        ? {
            requests: 9,
            errors: 1,
            p50Ms: 10,
            p95Ms: 20,
            p99Ms: null,
            bounds: { p95_ms: null, p99_ms: null },
          }
        : undefined,
  },
  pods: { refresh: async () => undefined, ofVersion: () => [] },
  observed: { of: () => () => null },
  rolloutOf: async () => 'rollout-1',
  nowMs: () => NOW_MS,
  ...more,
});

describe('the live view', () => {
  it('joins the table with what is counted for each variant', async () => {
    expect(await liveView(deps())).toMatchObject({
      at_ms: NOW_MS,
      default_model: 'digits',
      routing: { source: 'file', revision: 'r7', changed_at_ms: NOW_MS - 60_000, changed_by: 'user:alice' },
      fresh: true,
      models: [
        {
          model: 'digits',
          rollout: 'rollout-1',
          variants: [
            {
              name: 'a',
              role: 'control',
              weight: 90,
              ready: true,
              figures: { window_s: 60, requests: 9, errors: 1, p50_ms: 10, p95_ms: 20, p99_ms: null },
            },
            { name: 'b', role: 'treatment', weight: 10, ready: false, figures: null },
          ],
        },
      ],
    });
  });

  it('asks for the units since the table in force, also while a newer one is refused', async () => {
    const refused = { ...snapshot, revision: 'r8', changedAtMs: NOW_MS, refused: ['models: bad'] };
    const of = vi.fn(() => () => null);
    const { routing } = await liveView(deps({ routing: { current: () => refused }, observed: { of } }));
    expect(of).toHaveBeenCalledWith('digits', 'e', inForce.changedAtMs);
    expect(routing).toMatchObject({ revision: 'r8', in_force: { revision: 'r7', changed_by: 'user:alice' } });
  });

  it('calls no variant ready that no gateway has seen', async () => {
    const figures = { ...deps().figures, readyOn: () => [], isFresh: () => false };
    const { fresh, models } = await liveView(deps({ figures }));
    expect([fresh, models[0]?.variants.map(({ ready }) => ready)]).toEqual([false, [false, false]]);
  });

  it('is refused before the table was read', async () => {
    const current = () => {
      throw new AdminError('store_unavailable', 'not read');
    };
    await expect(liveView(deps({ routing: { current } }))).rejects.toThrow('store_unavailable');
  });
});

const NAMES = new Set(['headgate_model_version_ready', 'headgate_inference_queue_length']);

describe('the pods of a version', () => {
  const page = (...versions: readonly [string, number][]) =>
    versions.map(
      ([version, value]) => `headgate_model_version_ready{model="digits",version="${version}"} ${value}`,
    );
  const pages: Record<string, readonly string[] | undefined> = {
    both: page(['1', 1], ['2', 1]),
    loading: page(['1', 1], ['2', 0]),
    old: page(['1', 1]),
    silent: undefined,
    queue: ['headgate_inference_queue_length{model="digits",version="2"} 1'],
    other: ['headgate_model_version_ready{model="big",version="1"} 1'],
  };

  it('are those that serve the model, and those that do not answer; read every two seconds', async () => {
    let rounds = 0;
    let nowMs = 0;
    const scrape = {
      round: async () => void rounds++,
      addresses: () => Object.keys(pages),
      figures: () =>
        new Map(
          Object.entries(pages).flatMap(([address, lines]) =>
            lines ? [[address, samplesOf(lines.join('\n'), NAMES)] as const] : [],
          ),
        ),
      isComplete: () => false,
    };
    const pods = new Pods({ scrape, nowMs: () => nowMs });
    await pods.refresh();
    expect(pods.ofVersion('digits', '2').map(({ address, ready }) => [address, ready])).toEqual([
      ['both', true],
      ['loading', false],
      ['old', false],
      ['silent', false],
    ]);
    nowMs = 1999;
    await pods.refresh();
    expect(rounds).toBe(1);
    nowMs = 2000;
    await pods.refresh();
    expect(rounds).toBe(2);
  });
});

describe('the observed split', () => {
  const rows = [
    { variant: 'a', units: 90 },
    { variant: 'b', units: 10 },
  ];

  function split(answer: () => Promise<{ rows: readonly unknown[] }>) {
    const asked: unknown[][] = [];
    const clock = new ManualClock();
    const query = (_: string, values: readonly unknown[]) => {
      asked.push([...values]);
      return answer();
    };
    const records = { query, script: async () => undefined };
    const observed = new ObservedSplit({ records, clock });
    return { asked, clock, of: () => observed.of('digits', 'e', NOW_MS - 60_000)('b') };
  }

  it('has the share of the units since the weights changed, with its interval, read every 10 s', async () => {
    const { asked, clock, of } = split(async () => ({ rows }));
    expect(of()).toBeNull();
    const share = await eventually(of, 'the split');
    // Wilson's interval of 10 of 100.
    expect(share).toMatchObject({ share: 10, units: 10 });
    expect(share?.low).toBeCloseTo(5.5229, 3);
    expect(share?.high).toBeCloseTo(17.4366, 3);
    expect(asked).toEqual([[new Date(NOW_MS - 60_000), 'digits', 'e']]);
    clock.advance(9999);
    of();
    expect(asked).toHaveLength(1);
    clock.advance(1);
    of();
    expect(asked).toHaveLength(2);
  });

  it('leaves a slow store alone for ten times as long as it took', async () => {
    const answers: (() => void)[] = [];
    const { asked, clock, of } = split(() => new Promise((resolve) => answers.push(() => resolve({ rows }))));
    of();
    clock.advance(30_000);
    of();
    answers[0]?.();
    await eventually(of, 'the split');
    clock.advance(299_999);
    of();
    expect(asked).toHaveLength(1);
    clock.advance(1);
    of();
    expect(asked).toHaveLength(2);
  });

  it('has none while the store is away, and asks it no more often', async () => {
    const { asked, of } = split(() => Promise.reject(new Error('gone')));
    expect(of()).toBeNull();
    await Promise.resolve();
    await new Promise(setImmediate);
    expect(of()).toBeNull();
    expect(asked).toHaveLength(1);
  });
});
