import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TAG } from '@headgate/contracts/registry';
import { decodeBytesTensor } from '@headgate/contracts/tensor';
import { type ModelRegistry, openRegistry } from '@headgate/runtime/registry/mlflow';
import { noResilienceReport } from '@headgate/runtime/resilience/report';
import { testConfig } from '@headgate/testkit/config';
import { ROOT } from '@headgate/testkit/root';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FrontProcess, startFront } from '../../inference/src/testing/front-process.ts';
import type { ModelFolder } from '../../inference/src/testing/model-folder.ts';
import { imageRequest, reasonOf, SEVEN } from '../../inference/src/testing/running-inference.ts';
import { blockOf } from '../../inference/src/testing/tensor-messages.ts';
import { startMlflow, type TestMlflow } from './harness/mlflow.ts';

/** Version 1 of the digits model lies in the models folder too; 2 is in MLflow alone. */
const DIGITS = join(ROOT, 'models/digits/1');
const MODEL_FILE = 'model.onnx';
const model = readFileSync(join(DIGITS, MODEL_FILE));
const poison = Buffer.from(model).fill(0, 1000, 2000);

let mlflow: TestMlflow;
let dir: string;

beforeAll(async () => {
  mlflow = await startMlflow();
  dir = mkdtempSync(join(tmpdir(), 'headgate-registry-'));
  const version = join(dir, 'version');
  cpSync(DIGITS, version, { recursive: true });
  cpSync(join(ROOT, 'samples/digit-7.png'), join(version, 'digit-7.png'));
  for (let i = 0; i < 2; i += 1) await mlflow.publish('digits', version);
});
afterAll(async () => {
  await mlflow?.close();
  rmSync(dir, { recursive: true });
});

describe('the client of a real MLflow', () => {
  let registry: ModelRegistry;
  beforeAll(() => {
    const config = testConfig({ HEADGATE_REGISTRY__URL: mlflow.url });
    registry = openRegistry(config, { root: dir, report: noResilienceReport }) as ModelRegistry;
  });

  it('lists versions with their tags, and says when there is none', async () => {
    const versions = await registry.versions();
    expect(versions.map(({ version }) => version).sort()).toEqual(['1', '2']);
    expect(versions[0]?.tags[TAG.manifest]).toMatch(/^[0-9a-f]{64}$/);
    for (const version of ['9', 'x']) expect(await registry.version('digits', version)).toBeUndefined();
    expect(await registry.version('others', '1')).toBeUndefined();
  });

  it('moves aliases and sets tags; deleting one twice is no error', async () => {
    await registry.setAlias('digits', 'staging', '1');
    await registry.setAlias('digits', 'staging', '2');
    expect(await registry.models()).toEqual([{ model: 'digits', aliases: { staging: '2' } }]);
    for (let i = 0; i < 2; i += 1) await registry.deleteAlias('digits', 'staging');
    expect(await registry.models()).toEqual([{ model: 'digits', aliases: {} }]);
    await registry.setTag('digits', '2', TAG.stage, 'Staging');
    expect((await registry.version('digits', '2'))?.tags[TAG.stage]).toBe('Staging');
    for (let i = 0; i < 2; i += 1) await registry.deleteTag('digits', '2', TAG.stage);
    expect((await registry.version('digits', '2'))?.tags).not.toHaveProperty([TAG.stage]);
    await expect(registry.setAlias('digits', 'staging', '9')).rejects.toMatchObject({ status: 404 });
  });

  it('reads the metrics of a run', async () => {
    const { runId = '' } = (await registry.version('digits', '1')) ?? {};
    const metric = { run_id: runId, key: 'accuracy', value: 0.75, timestamp: 0 };
    await mlflow.call('POST', 'runs/log-metric', metric);
    expect(await registry.metrics(runId)).toEqual({ accuracy: 0.75 });
  });
});

describe('inference with a real MLflow', () => {
  let front: FrontProcess;
  let folder: ModelFolder;
  const start = (versions: readonly string[]) => {
    const settings = {
      HEADGATE_REGISTRY__URL: mlflow.url,
      HEADGATE_REGISTRY__CACHE_DIR: join(dir, 'cache'),
      HEADGATE_INFERENCE__MODEL_CONTROL: 'routing',
      HEADGATE_TELEMETRY__LOG_LEVEL: 'silent',
    };
    return startFront(settings, (fresh) => {
      folder = fresh;
      folder.route(versions);
    });
  };
  const labelOf = async (version: string) => {
    const answer = await front.infer(imageRequest([SEVEN], version));
    expect(answer.model_version).toBe(version);
    return Buffer.from(decodeBytesTensor(blockOf(answer, 'label'), 5)[0] ?? []).toString();
  };
  const refusal = (version: string) => reasonOf(front.infer(imageRequest([SEVEN], version)));

  beforeAll(async () => {
    front = await start(['2', '1']);
  });
  afterAll(() => front.stop());

  it('downloads a registered version and answers with it', async () => {
    expect(await labelOf('2')).toBe('7');
    expect(await front.metrics()).toContain('headgate_breaker_state{dependency="registry"} 0');
  });

  it('refuses a poisoned version, goes on with the others, and serves it once it is corrected', async () => {
    const change = (path: string, bytes: Buffer) => (path === MODEL_FILE ? poison : bytes);
    const version = await mlflow.publish('digits', join(dir, 'version'), { change });
    folder.route(['2', '1', version]);
    const failures = /headgate_model_load_failures_total\{model="digits",version="3",reason="digest"\} [1-9]/;
    await front.until(async () => failures.test(await front.metrics()));
    expect(await refusal(version)).toBe('unavailable');
    expect(await labelOf('2')).toBe('7');
    await mlflow.replace('digits', version, MODEL_FILE, model);
    await front.until(async () => (await refusal(version)) === 'ok');
  });

  it('serves no version whose registration was interrupted', async () => {
    const version = await mlflow.publish('digits', join(dir, 'version'), { complete: false });
    folder.route(['2', '1', version]);
    const failures =
      /headgate_model_load_failures_total\{model="digits",version="4",reason="missing"\} [1-9]/;
    await front.until(async () => failures.test(await front.metrics()));
    expect(await refusal(version)).toBe('unavailable');
  });

  it('downloads a version again that was damaged in its cache', async () => {
    await front.stop();
    const [damaged = ''] = globSync(join(dir, 'cache/*/digits/2', MODEL_FILE));
    writeFileSync(damaged, poison);
    front = await start(['2']);
    await front.until(async () => (await refusal('2')) === 'ok');
    expect(readFileSync(damaged)).toEqual(model);
  });

  it('serves and restarts from its cache while MLflow is away', async () => {
    await mlflow.kill();
    expect(await labelOf('2')).toBe('7');
    await front.stop();
    front = await start(['2', '3']);
    expect(await labelOf('2')).toBe('7');
    expect(await labelOf('3')).toBe('7');
  });
});
