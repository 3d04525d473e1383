import { createHash } from 'node:crypto';
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Metadata } from '@grpc/grpc-js';
import { SKETCH, SKETCH_LENGTH, SKETCH_VERSION, sketchOfRow } from '@headgate/contracts/sketch';
import { decodeBytesTensor } from '@headgate/contracts/tensor';
import { isAlive } from '@headgate/testkit/processes';
import { ROOT } from '@headgate/testkit/root';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  imageRequest,
  type RunningInference,
  reasonOf,
  runInference,
  SEVEN,
} from './testing/running-inference.ts';

const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString();
const ready = (running: RunningInference, version: string) =>
  new Promise<boolean>((resolve, reject) =>
    running.client.modelReady({ name: 'digits', version }, (error, answer) =>
      answer ? resolve(answer.ready) : reject(error),
    ),
  );
const healthOf = (running: RunningInference, service: string) =>
  new Promise<string>((resolve) =>
    running.health.check({ service }, (error, answer) => resolve(answer?.status ?? `code ${error?.code}`)),
  );

describe('inference with the digits model', () => {
  let running: RunningInference;
  beforeAll(async () => {
    running = await runInference(['1']);
    await running.until(() => ready(running, '1'));
  }, 120_000);
  afterAll(() => running.stop());

  it('reads a 7 as a 7, best class first, with timings and the id of the request', async () => {
    const answer = await running.infer(imageRequest([SEVEN]));
    expect(answer).toMatchObject({ model_name: 'digits', model_version: '1', id: 'a-request' });
    expect(answer.outputs.map(({ name, datatype, shape }) => [name, datatype, shape])).toEqual([
      ['label', 'BYTES', [1, 5]],
      ['score', 'FP32', [1, 5]],
      ['class_id', 'INT32', [1, 5]],
    ]);
    const [labels, scores, ids] = answer.raw_output_contents as [Buffer, Buffer, Buffer];
    expect(text(decodeBytesTensor(labels, 5)[0])).toBe('7');
    expect(ids.readInt32LE(0)).toBe(7);
    expect(scores.readFloatLE(0)).toBeGreaterThan(0.9);
    for (const name of ['queue_ms', 'decode_ms', 'run_ms']) {
      expect(answer.parameters[name]?.double_param).toBeGreaterThanOrEqual(0);
    }
    expect(answer.parameters.batch_size?.int64_param).toBe(1);
    expect(answer.parameters.engine_ms?.double_param).toBe(answer.parameters.run_ms?.double_param);
  });

  it('reads the same picture as JPEG and WebP', async () => {
    for (const format of ['jpeg', 'webp'] as const) {
      const answer = await running.infer(imageRequest([await sharp(SEVEN).toFormat(format).toBuffer()]));
      expect(answer.raw_output_contents[2]?.readInt32LE(0)).toBe(7);
    }
  });

  it('takes typed contents as well, and answers only the outputs that are asked for', async () => {
    const answer = await running.infer({
      model_name: 'digits',
      inputs: [{ name: 'image', datatype: 'BYTES', shape: [1], contents: { bytes_contents: [SEVEN] } }],
      outputs: [{ name: 'class_id' }],
    });
    expect(answer.outputs.map(({ name }) => name)).toEqual(['class_id']);
    expect(answer.raw_output_contents[0]?.readInt32LE(0)).toBe(7);
  });

  it('sketches each picture for who asks, behind the outputs, and for nobody else', async () => {
    const wide = await sharp(SEVEN).resize(120, 80, { fit: 'fill' }).png().toBuffer();
    const request = { ...imageRequest([SEVEN, wide]), outputs: [{ name: 'class_id' }] };
    const asking = { ...request, parameters: { [SKETCH.parameter]: { bool_param: true } } };
    const answer = await running.infer(asking);
    expect(answer.outputs).toMatchObject([
      { name: 'class_id' },
      { name: SKETCH.output, datatype: 'FP32', shape: [2, SKETCH_LENGTH] },
    ]);
    const version = Number(answer.outputs[1]?.parameters[SKETCH.version]?.int64_param);
    const rows = answer.raw_output_contents[1] as Buffer;
    const [first, second] = [0, 1].map((row) =>
      sketchOfRow(rows.subarray(row * SKETCH_LENGTH * 4, (row + 1) * SKETCH_LENGTH * 4), version),
    );
    const { width, height } = await sharp(SEVEN).metadata();
    expect(first).toMatchObject({ version: SKETCH_VERSION, width, height });
    expect(second).toMatchObject({ width: 120, height: 80 });
    expect((await running.infer(request)).outputs).toHaveLength(1);
  });

  it('gives every one of many callers its own rows', async () => {
    const blank = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#000' } })
      .png()
      .toBuffer();
    const alone = (await running.infer(imageRequest([blank]))).raw_output_contents[1] as Buffer;
    const pictures = Array.from({ length: 48 }, (_, i) => (i % 3 === 0 ? blank : SEVEN));
    const answers = await Promise.all(pictures.map((picture) => running.infer(imageRequest([picture]))));
    answers.forEach((answer, i) => {
      const score = answer.raw_output_contents[1]?.readFloatLE(0) as number;
      const expected = i % 3 === 0 ? alone.readFloatLE(0) : 1;
      expect(Math.abs(score - expected)).toBeLessThan(0.01);
    });
  });

  it('answers several images of one call with one row each', async () => {
    const answer = await running.infer(imageRequest([SEVEN, SEVEN, SEVEN]));
    expect(answer.outputs[2]?.shape).toEqual([3, 5]);
    expect([0, 5, 10].map((i) => answer.raw_output_contents[2]?.readInt32LE(i * 4))).toEqual([7, 7, 7]);
  });

  it('fails a damaged image alone and names its place in the call', async () => {
    const damaged = SEVEN.subarray(0, SEVEN.length / 2);
    const [bad, good] = await Promise.all([
      running.infer(imageRequest([SEVEN, damaged])).catch((error) => error),
      reasonOf(running.infer(imageRequest([SEVEN]))),
    ]);
    expect(bad.details).toMatch(/^inputs\[0\] element 1: /);
    expect(await reasonOf(Promise.reject(bad))).toBe('undecodable_image');
    expect(good).toBe('ok');
  });

  it('names the field that contradicts the model', async () => {
    const request = imageRequest([SEVEN]);
    const input = { name: 'image', datatype: 'BYTES', shape: [1] };
    const cases: [object, RegExp][] = [
      [{ inputs: [] }, /^inputs: expected one tensor named image/],
      [{ inputs: [{ ...input, name: 'picture' }] }, /^inputs\[0\]\.name/],
      [{ inputs: [{ ...input, datatype: 'FP32' }] }, /^inputs\[0\]\.datatype/],
      [{ inputs: [{ ...input, shape: [1, 1, 1] }] }, /^inputs\[0\]\.shape/],
      [{ inputs: [{ ...input, shape: [-1] }] }, /^inputs\[0\]\.shape/],
      [{ inputs: [{ ...input, shape: [9] }] }, /at most 8 images/],
      [{ inputs: [{ ...input, shape: [2] }] }, /^raw_input_contents\[0\]: expected 2 elements/],
      [{ inputs: [input, input] }, /^inputs\[1\]/],
      [{ inputs: [{ ...input, contents: { bytes_contents: [SEVEN] } }] }, /^inputs\[0\]\.contents/],
      [{ raw_input_contents: [] }, /^inputs\[0\]\.contents\.bytes_contents/],
      [{ raw_input_contents: [Buffer.alloc(4)] }, /element 0: expected an encoded image/],
      [{ outputs: [{ name: 'logits' }] }, /^outputs\[0\]\.name/],
      [{ outputs: [{ name: 'label' }, { name: 'label' }] }, /^outputs\[1\]\.name/],
      [{ model_name: '' }, /^model_name/],
    ];
    for (const [change, message] of cases) {
      const error = await running.infer({ ...request, ...change }).catch((thrown) => thrown);
      expect(error.details).toMatch(message);
      expect(error.code).toBe(3);
    }
    expect(await reasonOf(running.infer(request))).toBe('ok');
  });

  it('tells unknown models, unknown versions and passed deadlines apart', async () => {
    const request = imageRequest([SEVEN]);
    expect(await reasonOf(running.infer({ ...request, model_name: 'constructor' }))).toBe('unknown_model');
    expect(await reasonOf(running.infer({ ...request, model_version: '7' }))).toBe('unknown_version');
    expect(await ready(running, '7')).toBe(false);
    const late = running.infer(request, { deadline: Date.now() - 1 });
    expect(await reasonOf(late)).toMatch(/deadline_exceeded|code 4/);
  });

  it('describes itself, the model and its health', async () => {
    const { client } = running;
    const call = <T>(start: (done: (error: unknown, value?: T) => void) => void) =>
      new Promise<T>((resolve, reject) => start((error, value) => (value ? resolve(value) : reject(error))));
    expect(await call((done) => client.serverLive({}, done))).toEqual({ live: true });
    expect(await call((done) => client.serverReady({}, done))).toEqual({ ready: true });
    expect(await call((done) => client.serverMetadata({}, done))).toMatchObject({ name: 'headgate' });
    expect(await call((done) => client.modelMetadata({ name: 'digits' }, done))).toMatchObject({
      name: 'digits',
      versions: ['1'],
      platform: 'onnxruntime_onnx/cpu',
      inputs: [{ name: 'image', datatype: 'BYTES', shape: [-1] }],
    });
    await expect(call((done) => client.modelMetadata({ name: 'nothing' }, done))).rejects.toMatchObject({
      code: 5,
    });
    for (const service of ['', 'inference.GRPCInferenceService', 'digits/1']) {
      expect(await healthOf(running, service)).toBe('SERVING');
    }
    expect(await healthOf(running, 'digits/2')).toBe('code 5');
  });

  it('serves probes and metrics whose labels are configured names', async () => {
    const metadata = new Metadata();
    metadata.set('x-request-id', 'req-1');
    metadata.set('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
    await running.infer(imageRequest([SEVEN]), {}, metadata);
    await reasonOf(running.infer({ ...imageRequest([SEVEN]), model_name: 'junk-name' }));
    expect(await running.get('/livez')).toMatchObject({ status: 200 });
    expect(await running.get('/readyz')).toMatchObject({ status: 200 });
    expect(await running.get('/secret')).toMatchObject({ status: 404 });
    const { status, text: repository } = await running.get('/repository');
    expect([status, JSON.parse(repository)]).toEqual([
      200,
      expect.arrayContaining([{ model: 'digits', version: '1' }]),
    ]);
    const { text: metrics } = await running.get('/metrics');
    expect(metrics).toMatch(/headgate_inference_requests_total\{[^}]*model="digits"[^}]*\} \d+/);
    expect(metrics).toContain('headgate_inference_batch_size_bucket');
    const manifest = readFileSync(join(ROOT, 'models/digits/1/manifest.yaml'));
    const sha256 = createHash('sha256').update(manifest).digest('hex');
    expect(metrics).toContain(
      `headgate_model_manifest_info{model="digits",version="1",sha256="${sha256}"} 1`,
    );
    expect(metrics).not.toContain('junk-name');
    expect(running.log()).toContain('"request_id":"req-1"');
    expect(running.log()).toContain('"trace_id":"0af7651916cd43dd8448eb211c80319c"');
  });

  it('loads a version that the routing table newly names, and drops one that it no longer names', async () => {
    running.addVersion('2');
    running.route(['1', '2']);
    await running.until(() => ready(running, '2'));
    expect((await running.infer(imageRequest([SEVEN], '2'))).model_version).toBe('2');
    running.route(['1']);
    await running.until(async () => !(await ready(running, '2')));
    expect(await reasonOf(running.infer(imageRequest([SEVEN], '2')))).toBe('unknown_version');
    expect(await reasonOf(running.infer(imageRequest([SEVEN])))).toBe('ok');
  });

  it('keeps the last good routing table when the file is broken, and says why', async () => {
    writeFileSync(join(running.dir, 'routing.yaml'), 'schema: 1\nmodels: {}\n');
    await running.until(async () => running.log().includes('the routing table is refused'));
    expect(await reasonOf(running.infer(imageRequest([SEVEN])))).toBe('ok');
    running.route(['1']);
  });

  it('brings a killed engine back by itself; what it had fails as unavailable and nothing else', async () => {
    const pids = () =>
      [...running.log().matchAll(/"pid":(\d+)[^\n]*an engine is ready/g)].map(([, pid]) => Number(pid));
    const known = pids().length;
    const work = Array.from({ length: 40 }, () => reasonOf(running.infer(imageRequest([SEVEN]))));
    process.kill(pids().findLast((pid) => isAlive(pid)) as number, 'SIGKILL');
    const outcomes = new Set(await Promise.all(work));
    expect([...outcomes].filter((outcome) => outcome !== 'ok' && outcome !== 'unavailable')).toEqual([]);
    await running.until(async () => pids().length > known && (await ready(running, '1')));
    expect(await reasonOf(running.infer(imageRequest([SEVEN])))).toBe('ok');
  });
});

describe('inference with a version that grants a queue delay', () => {
  it('runs full batches of what comes at the same time, and gives every member its own rows', async () => {
    const patient = (folder: string) => {
      const path = join(folder, 'manifest.yaml');
      const manifest = readFileSync(path, 'utf8');
      writeFileSync(path, manifest.replace('max_queue_delay_ms: 0', 'max_queue_delay_ms: 1000'));
    };
    const running = await runInference(['3'], {}, ({ addVersion }) => addVersion('3', patient));
    try {
      await running.until(() => ready(running, '3'));
      const work = Array.from({ length: 16 }, () => running.infer(imageRequest([SEVEN])));
      for (const { parameters, raw_output_contents } of await Promise.all(work)) {
        expect(Number(parameters.batch_size?.int64_param)).toBe(8);
        expect(raw_output_contents[2]?.readInt32LE(0)).toBe(7);
      }
    } finally {
      await running.stop();
    }
  }, 120_000);
});

describe('inference with a version that cannot be loaded', () => {
  it.each<[string, (folder: string) => void, RegExp]>([
    [
      'a model file that is cut off',
      (folder) => truncateSync(join(folder, 'model.onnx'), 1000),
      /has 1000 bytes, but the manifest says/,
    ],
    ['no labels', (folder) => rmSync(join(folder, 'labels.json')), /labels\.json: it cannot be read/],
    [
      'a manifest with a typing error',
      (folder) => writeFileSync(join(folder, 'manifest.yaml'), 'schema: 2'),
      /manifest\.yaml/,
    ],
    ['no folder', (folder) => rmSync(folder, { recursive: true }), /does not exist/],
  ])(
    'serves the others and says why: %s',
    async (_, damage, why) => {
      const running = await runInference(['1', '9'], {}, ({ addVersion }) => addVersion('9', damage));
      try {
        await running.until(async () => (await healthOf(running, '')) === 'SERVING');
        await running.until(async () => running.log().includes('cannot be loaded'));
        expect(running.log()).toMatch(why);
        const problem = { model: 'digits', version: '9', reason: expect.stringMatching(why) };
        expect(JSON.parse((await running.get('/problems')).text)).toEqual([problem]);
        expect(await ready(running, '9')).toBe(false);
        expect(await reasonOf(running.infer(imageRequest([SEVEN], '9')))).toBe('unavailable');
        expect(await reasonOf(running.infer(imageRequest([SEVEN])))).toBe('ok');
      } finally {
        await running.stop();
      }
    },
    120_000,
  );
});

describe('inference that stops', () => {
  it('finishes what it accepted, after it said that it is not ready', async () => {
    const running = await runInference(['1']);
    await running.until(() => ready(running, '1'));
    const work = Array.from({ length: 60 }, () => reasonOf(running.infer(imageRequest([SEVEN]))));
    await running.until(async () =>
      /headgate_inference_in_flight_items\{[^}]*\} [1-9]/.test((await running.get('/metrics')).text),
    );
    const stopped = running.stop();
    const outcomes = await Promise.all(work);
    await stopped;
    expect(outcomes.filter((outcome) => outcome !== 'ok')).toEqual([]);
  }, 120_000);

  it('refuses to start when a required provider is not to be had', async () => {
    const settings = {
      HEADGATE_INFERENCE__EXECUTION__PROVIDERS: '["cuda", "cpu"]',
      HEADGATE_INFERENCE__EXECUTION__REQUIRE: 'cuda',
    };
    await expect(runInference(['1'], settings)).rejects.toThrow(/require is cuda/);
  }, 120_000);
});
