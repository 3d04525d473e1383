import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { METADATA } from '@headgate/contracts/names';
import { expect, it } from 'vitest';
import { HASTY, TestEnvoy } from './support/envoy.ts';
import {
  check,
  FakeInference,
  failureOf,
  healthClient,
  inferenceClient,
  mutualCredentials,
} from './support/inference.ts';

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

it('a stream of inference outlives the limits of one call: its time and its bytes', async () => {
  await using envoy = await TestEnvoy.start({
    ...HASTY,
    HEADGATE_INFERENCE__LIMITS__MESSAGE_BYTES: '100000',
  });
  using _inference = await FakeInference.listen(envoy);
  const client = inferenceClient(envoy, mutualCredentials(envoy));
  const stream = client.modelStreamInfer();
  const answered: (string | undefined)[] = [];
  stream.on('data', ({ infer_response }) => answered.push(infer_response?.id));
  stream.on('error', () => undefined);
  const ids = Array.from({ length: 40 }, (_, i) => String(i));
  for (const id of ids) {
    stream.write({ model_name: 'net', id, raw_input_contents: [Buffer.alloc(90_000)] });
    await setTimeout(30);
  }
  await expect.poll(() => answered, { timeout: 5000 }).toEqual(ids);
  stream.cancel();
  client.close();
});
