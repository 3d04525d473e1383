import { createLogger } from '@headgate/runtime/logger';
import { expect, it } from 'vitest';
import { createTelemetry } from '../telemetry/create-telemetry.ts';
import { exposeLockouts } from '../telemetry/identity-metrics.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { fixture, KEYS, ROUTING } from '../testing/app-fixture.ts';
import { createLockouts } from './lockouts.ts';

function clockAt(nowMs = 0) {
  return { nowMs, monotonicMs: () => clock.nowMs };
}
let clock = clockAt();

it('counts an address until its window ends, once however often it comes', () => {
  clock = clockAt();
  const lockouts = createLockouts(clock);
  lockouts.note('192.0.2.1', 60_000);
  lockouts.note('192.0.2.2', 3_600_000);
  clock.nowMs = 30_000;
  lockouts.note('192.0.2.1', 30_000);
  expect(lockouts.count()).toBe(2);
  clock.nowMs = 60_000;
  expect(lockouts.count()).toBe(1);
  clock.nowMs = 3_600_000;
  expect(lockouts.count()).toBe(0);
});

it('holds no more addresses than it is allowed to, and has room again', () => {
  clock = clockAt();
  const lockouts = createLockouts(clock, 2);
  for (const address of ['a', 'b', 'c']) lockouts.note(address, 1000);
  expect(lockouts.count()).toBe(2);
  clock.nowMs = 1000;
  expect(lockouts.count()).toBe(0);
  lockouts.note('c', 1000);
  expect(lockouts.count()).toBe(1);
});

it('is what the gauge shows while somebody who guesses goes on, and nobody else is in it', async () => {
  clock = clockAt();
  const lockouts = createLockouts(clock);
  const metrics = createMetrics();
  exposeLockouts(metrics.registry, lockouts);
  const telemetry = createTelemetry({
    logsSuccess: () => true,
    logger: createLogger({ service: 'gateway', level: 'silent' }),
    metrics,
    routing: { current: () => ROUTING },
    keyUses: { touch: () => undefined },
    lockouts,
  });
  const gauge = async () =>
    (await metrics.registry.metrics()).match(/^headgate_auth_locked_addresses (\d+)$/m)?.[1];
  const { send } = await fixture({ telemetry });
  const guess = (ip: string) => send('/v1/models', { ip, headers: { 'x-api-key': 'wrong' } });
  for (let i = 0; i < 20; i++) expect((await guess('192.0.2.7')).status).toBe(403);
  await send('/v1/models', { ip: '192.0.2.8', headers: { 'x-api-key': KEYS.client } });
  await guess('192.0.2.9');
  expect(await gauge()).toBe('0');
  expect((await guess('192.0.2.7')).status).toBe(429);
  expect(await gauge()).toBe('1');
  clock.nowMs = 61_000;
  expect(await gauge()).toBe('0');
});
