import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ClientDuplexStream, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import type { ModelInferRequest } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { ModelStreamInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelStreamInferResponse';
import { HEADER, METADATA } from '@headgate/contracts/names';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { imageRequest, type RunningInference, runInference, SEVEN } from './testing/running-inference.ts';

const SECRET = 'b7'.repeat(32);
let inference: RunningInference;

beforeAll(async () => {
  const settings = { HEADGATE_LISTEN__INTERNAL_SECRET_FILE: 'internal.secret' };
  inference = await runInference(['1'], settings, ({ dir }) => {
    writeFileSync(join(dir, 'internal.secret'), `${SECRET}\n`);
  });
  await inference.started();
});
afterAll(() => inference?.stop());

/** A caller that does not simply show the secret claims a certificate too. */
function metadataWith(...shown: string[]): Metadata {
  const metadata = new Metadata();
  if (shown.length !== 1 || shown[0] !== SECRET)
    metadata.set(METADATA.clientCertificate, 'Subject="CN=billing"');
  for (const one of shown) metadata.add(HEADER.internalSecret, one);
  return metadata;
}

/** How a stream ends; an error is only the same news. */
const endOf = (stream: ClientDuplexStream<ModelInferRequest, ModelStreamInferResponse__Output>) =>
  new Promise<number>((resolve) => {
    stream.on('error', () => undefined).on('status', ({ code }) => resolve(code));
  });

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => status.OK,
    (error: ServiceError) => error.code,
  );

it('answers those who show the secret, each message of a stream', async () => {
  await inference.infer(imageRequest([SEVEN]), {}, metadataWith(SECRET));
  const stream: ClientDuplexStream<ModelInferRequest, ModelStreamInferResponse__Output> =
    inference.client.ModelStreamInfer(metadataWith(SECRET));
  for (const id of ['a', 'b', 'c']) {
    stream.write({ ...imageRequest([SEVEN]), id });
    const [{ infer_response }] = await once(stream, 'data');
    expect(infer_response.id).toBe(id);
  }
  stream.end();
  await once(stream, 'end');
});

it.each([{ shown: [] }, { shown: ['forged'] }, { shown: [SECRET, 'forged'] }, { shown: [SECRET, SECRET] }])(
  'refuses those who show $shown',
  async ({ shown }) => {
    const metadata = metadataWith(...shown);
    expect(await codeOf(inference.infer(imageRequest([SEVEN]), {}, metadata))).toBe(status.UNAUTHENTICATED);
    const stream = inference.client.ModelStreamInfer(metadata);
    const ended = endOf(stream.on('data', () => undefined));
    stream.write(imageRequest([SEVEN]));
    expect(await ended).toBe(status.UNAUTHENTICATED);
  },
);

it('refuses before it reads: a message that is too large or no message gets the same answer', async () => {
  const { client } = inference;
  const { path } = client.ModelInfer as unknown as { path: string };
  for (const bytes of [Buffer.alloc(32 * 2 ** 20), Buffer.from('no message')]) {
    const asIs = (given: Buffer) => given;
    const code = new Promise((resolve) => {
      client.makeUnaryRequest(path, asIs, asIs, bytes, metadataWith(), {}, (error) => resolve(error?.code));
    });
    expect(await code).toBe(status.UNAUTHENTICATED);
  }
});

it('says so in log and metrics, without the secret and without what was claimed', async () => {
  expect(inference.log()).toContain('missing_credential');
  expect(inference.log()).not.toMatch(new RegExp(`${SECRET}|billing|forged`));
  const { text } = await inference.get('/metrics');
  expect(text).toMatch(/headgate_inference_requests_total\{.*outcome="missing_credential".*\} [1-9]/);
});

it('lets streams go when the server stops', async () => {
  const stream = inference.client.ModelStreamInfer(metadataWith(SECRET));
  const ended = endOf(stream.on('data', () => undefined));
  stream.write(imageRequest([SEVEN]));
  await once(stream, 'data');
  await inference.stop();
  expect(await ended).toBe(status.OK);
});
