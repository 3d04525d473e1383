import { seeded } from '@headgate/testkit/random';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Load, simulate } from '../testing/overloaded-backend.ts';
import { createThrottle, shareToShed } from './throttle.ts';

const POLICY = { window_ms: 2000, sent_per_accepted: 1.1, max_share: 0.95 };
const NET = { model: 'net', version: '1', tenant: 'one' };
const BACKEND = { capacityPerS: 100, room: 50 };

const run = (loads: readonly Load[], policy = POLICY) =>
  simulate({ policy, backend: BACKEND, loads, random: seeded(1) });

/** A throttle whose clock and dice are the test's. */
function byHand() {
  const host = { nowMs: 0, dice: 0 };
  const clock = { monotonicMs: () => host.nowMs };
  return { host, throttle: createThrottle({ ...POLICY, clock, random: () => host.dice }) };
}

describe('Shedding in virtual time', () => {
  it('does nothing while inference refuses nothing', () => {
    const [quiet, brisk] = run([
      { perS: 20, forMs: 10_000 },
      { perS: 80, forMs: 10_000 },
    ]);
    expect([quiet?.shed, brisk?.shed]).toEqual([0, 0]);
  });

  it.each([1.5, 2, 3, 6])(
    'refuses at %f times the capacity what inference would, save a tenth of it',
    (times) => {
      const [, steady] = run([
        { perS: times * 100, forMs: 3000 },
        { perS: times * 100, forMs: 20_000 },
      ]);
      const { offered, shed, refused, answered } = steady as NonNullable<typeof steady>;
      expect(shed / offered).toBeGreaterThan(1 - 1.25 / times);
      expect(shed / offered).toBeLessThan(1 - 1.0 / times);
      expect(refused / 20).toBeLessThan(25);
      expect(answered / 20).toBeGreaterThan(97);
    },
  );

  it('keeps the engines busy from the first second of a burst', () => {
    const [first] = run([{ perS: 300, forMs: 1000 }]);
    expect(first?.answered).toBeGreaterThan(95);
    expect(first?.shed).toBeGreaterThan(0);
  });

  it('lets everybody in again within half a second after the load has fallen', () => {
    const [, , later] = run([
      { perS: 300, forMs: 10_000 },
      { perS: 70, forMs: 500 },
      { perS: 70, forMs: 10_000 },
    ]);
    expect(later?.shed).toBe(0);
  });

  it('never refuses all: a backend that took nothing for long is found again', () => {
    const dead = simulate({
      policy: POLICY,
      backend: { capacityPerS: 0, room: 0 },
      loads: [{ perS: 300, forMs: 20_000 }],
      random: seeded(1),
    })[0];
    expect(dead?.refused).toBeGreaterThan(0.04 * (dead?.offered ?? 0));
    expect(dead?.shed).toBeGreaterThan(0.9 * (dead?.offered ?? 0));
  });

  it('is off where no share may be refused', () => {
    expect(run([{ perS: 300, forMs: 5000 }], { ...POLICY, max_share: 0 })[0]?.shed).toBe(0);
  });
});

describe('A throttle', () => {
  it('repeats what inference said last about when to come again', () => {
    const { throttle } = byHand();
    for (const retryAfterMs of [100, 700]) throttle.sent(NET).refused(retryAfterMs);
    expect(throttle.shed(NET)).toEqual({ retryAfterMs: 700 });
  });

  it('holds nothing against one version or caller that another one did', () => {
    const { throttle } = byHand();
    for (let i = 0; i < 100; i++) throttle.sent(NET).refused(undefined);
    expect(throttle.shed({ ...NET, version: '2' })).toBeUndefined();
    expect(throttle.shed({ ...NET, model: 'other' })).toBeUndefined();
    expect(throttle.shed({ ...NET, tenant: 'another' })).toBeUndefined();
    expect(throttle.shed(NET)).toBeDefined();
  });

  it('takes what is not answered yet for accepted', () => {
    const { host, throttle } = byHand();
    for (let i = 0; i < 20; i++) throttle.sent(NET);
    throttle.sent(NET).refused(undefined);
    host.dice = 0.001;
    expect(throttle.shed(NET)).toBeUndefined();
  });

  it('does not count what says nothing of room', () => {
    const { host, throttle } = byHand();
    throttle.sent(NET).refused(undefined);
    for (let i = 0; i < 20; i++) throttle.sent(NET).withdraw();
    host.dice = 0.49;
    expect(throttle.shed(NET)).toBeDefined();
  });

  it('forgets within its window, also refusals of what was sent long before', () => {
    const { host, throttle } = byHand();
    const late = throttle.sent(NET);
    throttle.sent(NET).refused(undefined);
    host.nowMs = 10_000;
    expect(throttle.shed(NET)).toBeUndefined();
    late.refused(undefined);
    for (let i = 0; i < 20; i++) throttle.sent(NET);
    host.dice = 0.001;
    expect(throttle.shed(NET)).toBeUndefined();
  });
});

describe('The share that is refused', () => {
  const counts = fc
    .tuple(fc.nat(1_000_000), fc.nat(1_000_000))
    .map(([a, b]) => ({ requests: Math.max(a, b), accepts: Math.min(a, b) }));

  it('is 0 while all are accepted, and at most the largest allowed', () => {
    fc.assert(
      fc.property(counts, fc.double({ min: 1.01, max: 10, noNaN: true }), (seen, sent_per_accepted) => {
        const share = shareToShed(seen, { sent_per_accepted, max_share: 0.95 });
        expect(share).toBeGreaterThanOrEqual(0);
        expect(share).toBeLessThanOrEqual(0.95);
        if (seen.requests <= sent_per_accepted * seen.accepts) expect(share).toBe(0);
      }),
    );
  });

  it('lets somebody through whatever happened, however unlucky the dice fall', () => {
    const event = fc.constantFrom('refused', 'withdrawn', 'accepted', 'shed', 'wait');
    fc.assert(
      fc.property(fc.array(event, { maxLength: 300 }), (events) => {
        const { host, throttle } = byHand();
        for (const what of events) {
          if (what === 'wait') host.nowMs += 100;
          else if (what === 'shed') throttle.shed(NET);
          else {
            const sent = throttle.sent(NET);
            if (what === 'refused') sent.refused(undefined);
            if (what === 'withdrawn') sent.withdraw();
          }
        }
        host.dice = POLICY.max_share;
        expect(throttle.shed(NET)).toBeUndefined();
      }),
    );
  });
});
