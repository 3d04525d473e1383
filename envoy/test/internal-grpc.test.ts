import { once } from 'node:events';
import { status } from '@grpc/grpc-js';
import { METADATA } from '@headgate/contracts/names';
import { expect, it } from 'vitest';
import { HASTY, TestEnvoy } from './support/envoy.ts';
import { check, FakeInference, failureOf, healthClient, mutualCredentials } from './support/inference.ts';

it('a refusal by Envoy is a gRPC status with our reason and a sentence', async () => {
  await using envoy = await TestEnvoy.start();
  const error = await failureOf(check(envoy, { channel: mutualCredentials(envoy) }));
  expect(error.code).toBe(status.UNAVAILABLE);
  expect(error.details).toMatch(/^The service cannot be reached/);
  expect(error.metadata.get(METADATA.reason)).toEqual(['unavailable']);
  expect(error.metadata.get(METADATA.retryAfterMs)).toEqual(['1000']);
});

it('a call is cut at the request timeout, but a health watch stays open', async () => {
  await using envoy = await TestEnvoy.start(HASTY);
  using inference = await FakeInference.listen(envoy);
  const client = healthClient(envoy, mutualCredentials(envoy));
  const watch = client.watch({ service: '' });
  watch.on('error', () => undefined);
  await once(watch, 'data');

  // Three times the limit of a call, and longer than any stream of the public listener may last.
  for (let call = 0; call < 3; call++) {
    const hanging = check(envoy, { channel: mutualCredentials(envoy), service: 'hang' });
    // Said by Envoy, or by the server, to which Envoy passes the limit on as its deadline.
    expect((await failureOf(hanging)).code).toBe(status.DEADLINE_EXCEEDED);
  }

  inference.watchers[0]?.write({ status: 'SERVING' });
  const [update] = await once(watch, 'data');
  expect(update).toMatchObject({ status: 'SERVING' });
  watch.cancel();
  client.close();
});
