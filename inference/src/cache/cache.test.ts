import { Metadata } from '@grpc/grpc-js';
import type { ModelStreamInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelStreamInferResponse';
import { METADATA, STREAM } from '@headgate/contracts/names';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageRequest, type RunningInference, runInference, SEVEN } from '../testing/running-inference.ts';

let running: RunningInference;
beforeAll(async () => {
  running = await runInference(
    ['1', '2'],
    {
      HEADGATE_INFERENCE__CACHE__MODELS:
        '{ "digits": { "max_bytes": 100000, "ttl_ms": 0, "max_waiting": 64 } }',
    },
    ({ addVersion }) => addVersion('2'),
  );
  await running.started();
});
afterAll(() => running.stop());

async function ask(tenant: string | undefined, version = '1'): Promise<string | undefined> {
  const metadata = new Metadata();
  if (tenant !== undefined) metadata.set(METADATA.tenant, tenant);
  const response = await running.infer(imageRequest([SEVEN], version), {}, metadata);
  const labels = response.raw_output_contents[0]?.toString() ?? '';
  expect(labels).toContain('7');
  return response.parameters.cache?.string_param;
}

async function askByStream(
  tenant: string | undefined,
  metadata = new Metadata(),
  image: Uint8Array = SEVEN,
): Promise<string | undefined> {
  const stream = running.client.modelStreamInfer(metadata);
  const answer = new Promise<ModelStreamInferResponse__Output>((resolve, reject) => {
    stream.once('data', resolve).once('error', reject);
  });
  const parameters = tenant === undefined ? {} : { [STREAM.tenant]: { string_param: tenant } };
  stream.write({ ...imageRequest([image], '1'), parameters });
  stream.end();
  return (await answer).infer_response?.parameters.cache?.string_param;
}

async function metric(start: string): Promise<number> {
  const { text } = await running.get('/metrics');
  const line = text.split('\n').find((one) => one.startsWith(start));
  return line === undefined ? Number.NaN : Number(line.split(' ').at(-1));
}

describe('inference with a response cache for the digits model', () => {
  it('says which answers it gives again, to each tenant its own, and to those inside', async () => {
    for (const tenant of ['cut-1', 'cut-2', undefined]) {
      expect(await ask(tenant)).toBe('miss');
      expect(await ask(tenant)).toBe('hit');
    }
  });

  it('knows the tenant of a message of a stream', async () => {
    expect(await askByStream('streams')).toBe('miss');
    expect(await askByStream('streams')).toBe('hit');
    expect(await ask('streams')).toBe('hit');
  });

  it('ignores the tenant that an outside caller names in a stream: no cached answer of another tenant', async () => {
    const outside = new Metadata();
    outside.set(METADATA.clientCertificate, 'Subject="CN=billing"');
    const other = await sharp(SEVEN).negate().png().toBuffer();
    expect(await askByStream('secret', new Metadata(), other)).toBe('miss');
    expect(await askByStream('secret', outside, other)).toBe('miss');
    expect(await askByStream(undefined, new Metadata(), other)).toBe('hit');
  });

  it('does not take long tenants for one', async () => {
    const long = 'x'.repeat(300);
    expect([await ask(`${long}1`), await ask(`${long}2`)]).toEqual(['miss', 'miss']);
  });

  it('gives the answer of one version never for another', async () => {
    expect([await ask('versions', '1'), await ask('versions', '2')]).toEqual(['miss', 'miss']);
  });

  it('runs what many ask at once only once', async () => {
    const runs = () => metric('nv_inference_exec_count{model="digits",version="1"}');
    const before = await runs();
    const outcomes = await Promise.all(Array.from({ length: 16 }, () => ask('crowd')));
    expect((await runs()) - before).toBe(1);
    expect(outcomes.filter((outcome) => outcome === 'miss')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === undefined)).toEqual([]);
  });

  it('counts what it saved, under Triton’s names too, and keeps it out of what was run', async () => {
    await ask('counted');
    const [ran, hits] = [await metric('nv_inference_count{'), await metric('nv_cache_num_hits_per_model{')];
    const stage = 'headgate_inference_stage_duration_seconds_count{model="digits",version="1",stage="run"}';
    const staged = await metric(stage);
    await ask('counted');
    expect(await metric('nv_inference_count{')).toBe(ran);
    expect(await metric(stage)).toBe(staged);
    expect(await metric('nv_cache_num_hits_per_model{')).toBe(hits + 1);
    const { text } = await running.get('/metrics');
    expect(text).toMatch(/headgate_cache_requests_total\{model="digits",version="1",outcome="hit"\} [1-9]/);
    expect(await metric('headgate_cache_bytes{')).toBeLessThanOrEqual(100_000);
    expect(await metric('headgate_cache_entries{')).toBeGreaterThan(0);
  });

  it('forgets what a version answered once it is not served any more', async () => {
    expect(await ask('swap', '2')).toBe('miss');
    running.route(['1']);
    const isServed = async () =>
      !Number.isNaN(await metric('headgate_model_version_ready{model="digits",version="2"}'));
    await running.until(async () => !(await isServed()));
    running.route(['1', '2']);
    await running.until(() =>
      ask('swap', '2').then(
        () => true,
        () => false,
      ),
    );
    expect(await metric('headgate_cache_entries{model="digits",version="2"}')).toBe(1);
  });
});

describe('inference without a response cache', () => {
  it('says nothing of one', async () => {
    const plain = await runInference(['1']);
    await plain.started();
    const answers = [await plain.infer(imageRequest([SEVEN])), await plain.infer(imageRequest([SEVEN]))];
    const { text } = await plain.get('/metrics');
    await plain.stop();
    for (const { parameters } of answers) expect(parameters).not.toHaveProperty('cache');
    expect(text).not.toMatch(/^(headgate_cache|nv_cache)_\w+\{/m);
  });
});
