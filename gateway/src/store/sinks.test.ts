import { METRIC } from '@headgate/contracts/names';
import { reportResilience } from '@headgate/runtime/resilience/metrics';
import { RecordsRefusedError } from '@headgate/stores/records/sink';
import { policyWithoutRetries } from '@headgate/testkit/policy';
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { bytesOf, record, shipping } from '../testing/shipping.ts';
import { databasePolicy } from './sinks.ts';

const config = policyWithoutRetries({
  timeout_ms: 10_000,
  concurrency: 2,
  breaker: { failures: 3, open_min_ms: 500, open_max_ms: 5000 },
});

/** A shipper whose sink does what `answer` says, called by the policy of a process with metrics. */
async function guarded(answer: () => Promise<void>) {
  const clock = { nowMs: 0 };
  const registry = new Registry();
  const logger = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const policy = databasePolicy({
    config,
    report: reportResilience({ logger, registry, breakers: ['database'] } as never),
    nowMs: () => clock.nowMs,
    random: () => 0,
  });
  const calls = { count: 0 };
  const deliver = () => {
    calls.count++;
    return answer();
  };
  const shipped = await shipping(deliver, { guard: policy.run });
  shipped.spool.append(bytesOf(record(1)));
  await shipped.spool.flush();
  const breaker = async () => {
    const { values } = (await registry.getSingleMetric(METRIC.breakerState)?.get()) ?? { values: [] };
    return values.map(({ labels, value }) => `${labels.dependency} ${value}`);
  };
  return { ...shipped, clock, calls, breaker };
}

it('leaves a store alone after three failures, asks again after the pause of the breaker, and delivers what waited', async () => {
  let down = true;
  const { spool, clock, calls, breaker, seen, start, paused, next } = await guarded(async () => {
    if (down) throw new Error('connection refused');
  });
  expect(await breaker()).toEqual(['database 0']);
  const shipper = start();
  await paused();
  for (let i = 0; i < 5; i++) await next();
  expect([calls.count, seen.failures, await breaker()]).toEqual([3, 6, ['database 2']]);
  clock.nowMs += 500;
  await next();
  expect([calls.count, await breaker()]).toEqual([4, ['database 2']]);
  down = false;
  await next();
  expect([calls.count, seen.delivered]).toEqual([4, 0]);
  clock.nowMs += 5000;
  await next();
  expect([calls.count, seen.delivered, await breaker()]).toEqual([5, 1, ['database 0']]);
  await shipper.stop();
  expect(spool.stats().undelivered).toBe(0);
});

it('does not take a store for down that refuses records', async () => {
  const { spool, breaker, seen, start, paused, next } = await guarded(async () => {
    throw new RecordsRefusedError('a value does not fit');
  });
  for (let n = 2; n <= 5; n++) spool.append(bytesOf(record(n)));
  await spool.flush();
  const shipper = start();
  await paused();
  await next();
  expect([seen.refused, seen.failures, await breaker()]).toEqual([5, 0, ['database 0']]);
  await shipper.stop();
});

it('gives up a delivery that is in progress when the gateway ends, and leaves its records in the spool', async () => {
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const { spool, breaker, start } = await guarded(() => {
    resolve();
    return new Promise(() => {});
  });
  const shipper = start();
  await asked;
  await shipper.stop();
  expect([spool.stats().undelivered, await breaker()]).toEqual([1, ['database 0']]);
});
