import { truncateSync } from 'node:fs';
import type { ModelConfig__Output } from '@headgate/contracts/gen/grpc/inference/ModelConfig';
import type { ModelStatistics__Output } from '@headgate/contracts/gen/grpc/inference/ModelStatistics';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  imageRequest,
  type RunningInference,
  reasonOf,
  runInference,
  SEVEN,
} from './testing/running-inference.ts';
import { rawRequest, x } from './testing/tensor-messages.ts';
import { AFFINE, PICK, TRANSPOSE, writeTensorModel } from './testing/tensor-models.ts';

/** The calls that a test makes, as promises. */
function callsOf({ client }: RunningInference) {
  const answerOf = <T>(call: (done: (error: Error | null, answer?: T) => void) => unknown) =>
    new Promise<T>((resolve, reject) => {
      call((error, answer) => (answer ? resolve(answer) : reject(error)));
    });
  const string = (value: string) => ({ string_param: value });
  return {
    config: (name: string, version = '') =>
      answerOf<{ config: ModelConfig__Output | null }>((done) => client.modelConfig({ name, version }, done)),
    statistics: (name: string, version = '') =>
      answerOf<{ model_stats: ModelStatistics__Output[] }>((done) =>
        client.modelStatistics({ name, version }, done),
      ).then(({ model_stats }) => model_stats),
    index: async (ready = false) => {
      const { models } = await answerOf<{
        models: { name: string; version: string; state: string; reason: string }[];
      }>((done) => client.repositoryIndex({ ready }, done));
      return models.map(({ name, version, state, reason }) => `${name}/${version} ${state} ${reason}`.trim());
    },
    load: (model_name: string, config?: object) => {
      const parameters = config && { config: string(JSON.stringify(config)) };
      return answerOf((done) =>
        client.repositoryModelLoad({ model_name, ...(parameters && { parameters }) }, done),
      );
    },
    unload: (model_name: string) =>
      answerOf((done) =>
        client.repositoryModelUnload(
          { model_name, parameters: { unload_dependents: { bool_param: false } } },
          done,
        ),
      ),
    extensions: () =>
      answerOf<{ extensions: string[] }>((done) => client.serverMetadata({}, done)).then(
        (answer) => answer.extensions,
      ),
  };
}

describe('inference that serves what the routing table names', () => {
  let running: RunningInference;
  let calls: ReturnType<typeof callsOf>;

  beforeAll(async () => {
    running = await runInference(['1', '2'], {}, ({ dir, addVersion, addTensorModel }) => {
      addVersion('3');
      addTensorModel('affine', AFFINE);
      addTensorModel('transpose', TRANSPOSE);
      writeTensorModel(`${dir}/models`, 'pick', PICK);
    });
    calls = callsOf(running);
    await running.started();
  }, 60_000);
  afterAll(() => running.stop());

  it('announces the extensions that are there', async () => {
    expect(await calls.extensions()).toEqual(['model_configuration', 'model_repository', 'statistics']);
  });

  it('lists everything in the repository, says what is served, and why something is not', async () => {
    const why = `${running.dir}/models/digits/2`;
    expect(await calls.index()).toEqual([
      'affine/1 READY',
      'digits/1 READY',
      'digits/3 UNAVAILABLE not named by the routing table',
      'pick/1 UNAVAILABLE not named by the routing table',
      'transpose/1 READY',
      'digits/2 UNAVAILABLE digits/2 does not exist; put the version there, or take it out of the routing table',
    ]);
    expect((await calls.index()).join()).not.toContain(why);
    expect(await calls.index(true)).toEqual(['affine/1 READY', 'digits/1 READY', 'transpose/1 READY']);
  });

  it('refuses to load and unload, and names the setting', async () => {
    for (const call of [calls.load('pick'), calls.unload('affine')]) {
      expect(await reasonOf(call)).toBe('model_control_off');
      await expect(call).rejects.toMatchObject({
        code: 9,
        details: expect.stringContaining('model_control: explicit'),
      });
    }
    expect(await calls.index(true)).toContain('affine/1 READY');
  });

  it('shows the configuration of an image model as callers see the model', async () => {
    const { config } = await calls.config('digits');
    expect(config).toMatchObject({
      name: 'digits',
      platform: 'onnxruntime_onnx',
      backend: 'onnxruntime',
      max_batch_size: 8,
      version_policy: { specific: { versions: [1, 2] } },
      input: [{ name: 'image', data_type: 'TYPE_STRING', dims: [1] }],
      output: [
        { name: 'label', data_type: 'TYPE_STRING', dims: [5] },
        { name: 'score', data_type: 'TYPE_FP32', dims: [5] },
        { name: 'class_id', data_type: 'TYPE_INT32', dims: [5] },
      ],
      instance_group: [{ count: 1, kind: 'KIND_CPU' }],
      dynamic_batching: {
        priority_levels: 0,
        default_queue_policy: { timeout_action: 'REJECT', allow_timeout_override: true, max_queue_size: 64 },
      },
    });
  });

  it('shows dims without the batch, and whole shapes where there is none', async () => {
    const affine = (await calls.config('affine')).config;
    expect(affine).toMatchObject({ max_batch_size: 4, input: [{ dims: [3] }, { dims: [2] }] });
    expect(affine?.output.map(({ dims }) => dims)).toEqual([[3], [1], [2]]);
    const transpose = (await calls.config('transpose')).config;
    expect(transpose).toMatchObject({ max_batch_size: 0, input: [{ dims: [2, 3] }] });
    expect(transpose?.dynamic_batching).toBeUndefined();
  });

  it('says which model or version is unknown', async () => {
    expect(await reasonOf(calls.config('nothing'))).toBe('unknown_model');
    expect(await reasonOf(calls.config('digits', '9'))).toBe('unknown_version');
    expect(await reasonOf(calls.statistics('nothing'))).toBe('unknown_model');
  });

  it('counts calls, items, runs and refusals of each version, and nothing for names that nobody serves', async () => {
    const [before] = await calls.statistics('digits', '1');
    await running.infer(imageRequest([SEVEN, SEVEN, SEVEN]));
    await reasonOf(running.infer(imageRequest([Buffer.from('no image')])));
    await reasonOf(running.infer({ model_name: 'junk' }));
    const [after] = await calls.statistics('digits', '1');
    const grown = (read: (statistics?: ModelStatistics__Output) => number | undefined) =>
      (read(after) ?? 0) - (read(before) ?? 0);
    expect(grown((s) => s?.inference_count)).toBe(3);
    expect(grown((s) => s?.inference_stats?.success?.count)).toBe(1);
    expect(grown((s) => s?.inference_stats?.fail?.count)).toBe(1);
    expect(grown((s) => s?.inference_stats?.compute_infer?.count)).toBe(1);
    const runs = after?.batch_stats.reduce((sum, { compute_infer }) => sum + (compute_infer?.count ?? 0), 0);
    expect(after?.execution_count).toBe(runs);
    for (const stage of ['success', 'queue', 'compute_input', 'compute_infer', 'compute_output'] as const) {
      expect(grown((s) => s?.inference_stats?.[stage]?.ns)).toBeGreaterThan(0);
    }
    expect(after?.memory_usage).toMatchObject([{ type: 'CPU' }]);
    expect((await calls.statistics('')).map(({ name, version }) => `${name}/${version}`)).toEqual([
      'digits/1',
      'digits/2',
      'affine/1',
      'transpose/1',
    ]);
  });
});

describe('inference that obeys requests to load and unload', () => {
  let running: RunningInference;
  let calls: ReturnType<typeof callsOf>;

  beforeAll(async () => {
    const explicit = { HEADGATE_INFERENCE__MODEL_CONTROL: 'explicit' };
    running = await runInference(['1'], explicit, ({ dir, addVersion }) => {
      addVersion('2');
      writeTensorModel(`${dir}/models`, 'affine', AFFINE);
      writeTensorModel(`${dir}/models`, 'pick', PICK);
      addVersion('10', (folder) => truncateSync(`${folder}/model.onnx`, 1000));
    });
    calls = callsOf(running);
    await running.started();
  }, 60_000);
  afterAll(() => running.stop());

  const pick = () =>
    running.infer(rawRequest('pick', { ...x('INT64', [1, 1], BigInt64Array.of(3n)), name: 'index' }));

  it('begins with the routing table', async () => {
    expect(await calls.index(true)).toEqual(['digits/1 READY']);
    expect(await calls.index()).toContain('pick/1 UNAVAILABLE not loaded');
  });

  it('serves a model as soon as its load is answered, and no more once it is unloaded', async () => {
    expect(await reasonOf(pick())).toBe('unknown_model');
    await calls.load('pick');
    expect(await reasonOf(pick())).toBe('ok');
    await calls.unload('pick');
    expect(await reasonOf(pick())).toBe('unknown_model');
    expect(await reasonOf(calls.unload('pick'))).toBe('unknown_model');
  });

  it('loads the versions that a version policy names, and gives the newest to callers who name none', async () => {
    await calls.load('digits', { version_policy: { specific: { versions: [1, 2] } } });
    expect(await calls.index(true)).toEqual(['digits/1 READY', 'digits/2 READY']);
    expect((await running.infer(imageRequest([SEVEN]))).model_version).toBe('1');
    await calls.load('digits');
    expect(await calls.index(true)).toEqual(['digits/1 READY']);
  });

  it('keeps what serves when the new version cannot be loaded, and says why', async () => {
    const latest = calls.load('digits', { version_policy: { latest: { num_versions: 1 } } });
    expect(await reasonOf(latest)).toBe('load_failed');
    await expect(latest).rejects.toMatchObject({
      details: expect.stringContaining('model.onnx has 1000 bytes'),
    });
    await expect(latest).rejects.not.toMatchObject({ details: expect.stringContaining(running.dir) });
    expect(await reasonOf(running.infer(imageRequest([SEVEN])))).toBe('ok');
  });

  it('loses no request while a model is reloaded', async () => {
    let stop = false;
    const outcomes: string[] = [];
    const caller = async () => {
      while (!stop) outcomes.push(await reasonOf(running.infer(imageRequest([SEVEN]))));
    };
    const callers = Promise.all([caller(), caller(), caller(), caller()]);
    for (let i = 0; i < 3; i += 1) await calls.load('digits');
    stop = true;
    await callers;
    expect(outcomes.length).toBeGreaterThan(0);
    expect(new Set(outcomes)).toEqual(new Set(['ok']));
  });

  it('takes one request for a model at a time', async () => {
    const outcomes = await Promise.all([1, 2].map(() => reasonOf(calls.load('affine'))));
    expect(outcomes.toSorted()).toEqual(['ok', 'unavailable']);
  });

  it('refuses what it would not do', async () => {
    expect(await reasonOf(calls.load('nothing'))).toBe('unknown_model');
    expect(await reasonOf(calls.load('../models'))).toBe('unknown_model');
    expect(await reasonOf(calls.load('digits', { max_batch_size: 64 }))).toBe('invalid_request');
    const files = { 'file:1/model.onnx': { bytes_param: Buffer.from('x') } };
    const upload = new Promise((resolve, reject) => {
      running.client.repositoryModelLoad({ model_name: 'digits', parameters: files }, (error, answer) =>
        answer ? resolve(answer) : reject(error),
      );
    });
    expect(await reasonOf(upload)).toBe('invalid_request');
  });
});
