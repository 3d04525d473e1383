import { expect, it } from 'vitest';
import { takeStartedAtMs } from './bootstrap.mjs';

it('counts from the first process, and hands that moment to no other program', () => {
  const env = { HEADGATE_STARTED_AT_MS: '1700000000000.5', PATH: '/bin' };
  expect(takeStartedAtMs(env)).toBe(1_700_000_000_000.5);
  expect(env).toEqual({ PATH: '/bin' });
});

it('counts from this process where there was none before', () => {
  expect(takeStartedAtMs({})).toBe(performance.timeOrigin);
});
