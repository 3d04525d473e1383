import type { Rollout } from '@headgate/contracts/rollout';
import { expect, it } from 'vitest';
import { Held } from './held.ts';

it('measures by the monotonic clock, and by the wall clock only what passed before the process', () => {
  const clock = { mono: 0, wall: 1_000_000, monotonicMs: () => clock.mono, epochMs: () => clock.wall };
  const rollout = { id: 'r', state: { kind: 'preparing', since_ms: 1_000_000 } } as Rollout;
  const held = new Held(clock);
  expect(held.ofMs(rollout)).toBe(0);
  clock.mono += 5000;
  clock.wall += 3_600_000;
  expect(held.ofMs(rollout)).toBe(5000);
  clock.wall -= 7_200_000;
  clock.mono += 1000;
  expect(held.ofMs(rollout)).toBe(6000);
  expect(new Held(clock).ofMs(rollout)).toBe(0);
  clock.wall = 1_000_000 + 9000;
  const after = new Held(clock);
  expect(after.ofMs(rollout)).toBe(9000);
  clock.mono += 1000;
  expect(after.ofMs(rollout)).toBe(10_000);
  expect(after.ofMs({ ...rollout, state: { kind: 'preparing', since_ms: clock.wall } })).toBe(0);
});

it('forgets all but those in progress', () => {
  const clock = { wall: 1000, monotonicMs: () => 0, epochMs: () => clock.wall };
  const rollout = { id: 'r', state: { kind: 'preparing', since_ms: 1000 } } as Rollout;
  const held = new Held(clock);
  held.ofMs(rollout);
  clock.wall += 5000;
  held.keepOnly([rollout]);
  expect(held.ofMs(rollout)).toBe(0);
  held.keepOnly([]);
  expect(held.ofMs(rollout)).toBe(5000);
});
