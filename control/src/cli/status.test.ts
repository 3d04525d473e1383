import type { DependencyView, LiveView } from '@headgate/contracts/admin/api';
import { describe, expect, it } from 'vitest';
import { headgate } from '../testing/command-line.ts';
import { fakeControl } from '../testing/fake-control.ts';
import { LIVE, rolloutAt } from '../testing/views.ts';

const redis = (state: DependencyView['state']): DependencyView => ({
  name: 'redis',
  state,
  detail: 'does not answer',
  remedy: 'start it',
  checked_at_ms: 0,
});

const running = rolloutAt([
  {
    at_ms: 0,
    to: { kind: 'running', step: 0, since_ms: 0, waits_for: '83 of 100 requests' },
    weight: 10,
    by: 'control',
    evidence: [],
  },
]);

function controlWith(live: Partial<LiveView> = {}, dependencies: readonly DependencyView[] = []) {
  return fakeControl({
    'GET /live': { ...LIVE, ...live },
    'GET /rollouts': { rollouts: [running] },
    'GET /dependencies': { dependencies },
  });
}

describe('headgate status', () => {
  it('shows variants with target, observed share and figures, and the rollout', async () => {
    const { code, out } = await headgate(['status'], controlWith());
    expect(code).toBe(0);
    expect(out).toMatch(
      /a \(control\) +1 +90 % +89\.5 % \(87\.1 to 91\.4\) +yes +900 +3 +40 ms +91 ms +60 s\n/,
    );
    expect(out).toMatch(/b +2 +10 % +- +yes +- +- +- +- +-\n/);
    expect(out).toContain('rollout digits-2 of digits: step 1 of 2 at 10 %; waits for 83 of 100 requests');
    expect(out).toContain('by user:alice');
  });

  it.each<[string, ReturnType<typeof controlWith>, string]>([
    ['a dependency is down', controlWith({}, [redis('down')]), 'redis is down'],
    [
      'the newest table is refused',
      controlWith({ routing: { ...LIVE.routing, refused: ['models.digits: expected 100'] } }),
      'the routing table is refused',
    ],
    ['no gateway is ready', controlWith({ gateways: [] }), 'no gateway is ready'],
    ['the figures are old', controlWith({ fresh: false }), 'no figures'],
    [
      'a version with traffic is not ready',
      controlWith({
        models: LIVE.models.map((model) => ({
          ...model,
          variants: model.variants.map((one) => ({ ...one, ready: one.role === 'control' })),
        })),
      }),
      'digits/2 is not ready',
    ],
  ])('ends with code 7 when %s', async (_, control, text) => {
    const { code, out, err } = await headgate(['status'], control);
    expect([code, err]).toEqual([7, expect.stringContaining(text)]);
    expect(out).toContain('digits (default)');
  });

  it('shows what is degraded, and is content with it', async () => {
    const { code, out } = await headgate(['status'], controlWith({}, [redis('degraded'), redis('off')]));
    expect(code).toBe(0);
    expect(out.match(/redis/g)).toHaveLength(1);
    expect(out).toContain('DEGRADED  redis: does not answer\n          start it');
  });

  it('--watch goes on while control is away', async () => {
    const { fetch } = controlWith();
    let looks = 0;
    const { out, err } = await headgate(['status', '--watch', '--json'], {
      fetch: (...call) => (looks === 1 ? Promise.reject(new TypeError('refused')) : fetch(...call)),
      sleep: async () => {
        looks += 1;
        if (looks === 3) throw new Error('stopped by the test');
      },
    });
    expect(err).toContain('control does not answer');
    expect(out.match(/"at_ms": 1893456000000/g)).toHaveLength(2);
  });
});

it('headgate models names control, and versions that are only loaded', async () => {
  const versions = [
    ...(LIVE.models[0]?.versions ?? []),
    { version: '3', pods: [{ address: 'a', ready: false }] },
  ];
  const models = LIVE.models.map((model) => ({ ...model, versions }));
  const { out } = await headgate(['models'], controlWith({ models }));
  expect(out).toMatch(/digits \(default\) +1 +a +control +90 % +1 of 1 pods\n/);
  expect(out).toMatch(/digits \(default\) +3 +- +loaded only +- +0 of 1 pods\n/);
});
