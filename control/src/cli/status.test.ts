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
    ['a dependency is down', controlWith({}, [redis('down')]), 'redis: down'],
    ['no gateway is ready', controlWith({ gateways: [] }), 'no gateway is ready'],
    ['the figures are old', controlWith({ fresh: false }), 'not every gateway gave its figures'],
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

  it.each<[string, DependencyView['state'][], number, string]>([
    ['what is degraded', ['degraded', 'starting'], 9, 'headgate: redis: degraded; redis: starting'],
    ['what starts', ['off', 'starting'], 3, 'headgate: redis: starting'],
    ['what is down first', ['degraded', 'down'], 7, 'headgate: redis: down; redis: degraded'],
  ])('shows %s, and ends with the code of the worst', async (_, states, exit, text) => {
    const { code, out, err } = await headgate(['status'], controlWith({}, states.map(redis)));
    expect([code, err]).toEqual([exit, expect.stringContaining(text)]);
    expect(out.match(/redis/g)).toHaveLength(states.filter((state) => state !== 'off').length);
    expect(out).toMatch(/(DEGRADED|STARTING) {2}redis: does not answer\n {10}start it/);
  });

  it('shows a refused table first, and the one in force with its own time and author', async () => {
    const newest = { revision: 'r2', changed_at_ms: LIVE.at_ms, changed_by: 'user:bob' };
    const routing = { ...LIVE.routing, ...newest, refused: ['models.digits: expected 100'] };
    const { out } = await headgate(['status'], controlWith({ routing }));
    expect(out).toMatch(
      /^THE NEWEST ROUTING TABLE IS REFUSED \(changed at 2030-01-01T00:00:00Z by user:bob\)/,
    );
    expect(out).toContain('  models.digits: expected 100\n');
    expect(out).toContain('routing table: file, changed at 2029-12-31T00:00:00Z by user:alice');
  });

  it.each([new TypeError('refused'), new DOMException('too late', 'TimeoutError')])(
    'ends with code 7 when control does not answer: %s',
    async (failure) => {
      const { code, err } = await headgate(['status'], { fetch: () => Promise.reject(failure) });
      expect([code, err]).toEqual([7, expect.stringContaining('control does not answer')]);
    },
  );

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
  expect(out).toMatch(/digits \(default\) +1 +a +serving \(control\) +90 % +1 of 1 pods\n/);
  expect(out).toMatch(/digits \(default\) +3 +- +loaded +- +0 of 1 pods\n/);
});
