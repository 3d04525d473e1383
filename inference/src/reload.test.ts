import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeBytesTensor } from '@headgate/contracts/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFront } from './testing/front-process.ts';
import {
  imageRequest,
  type RunningInference,
  reasonOf,
  runInference,
  SEVEN,
} from './testing/running-inference.ts';
import { blockOf } from './testing/tensor-messages.ts';

/** Gives the digit 7 another name, in a version that is valid again afterwards. */
function renameSeven(folder: string, label: string): void {
  const labels = join(folder, 'labels.json');
  const names = JSON.parse(readFileSync(labels, 'utf8')) as string[];
  writeFileSync(labels, JSON.stringify(names.with(7, label)));
  const manifest = join(folder, 'manifest.yaml');
  writeFileSync(manifest, readFileSync(manifest, 'utf8').replace(/\n *labels_sha256:.*/, ''));
}

async function labelOf(infer: RunningInference['infer']): Promise<string> {
  const [label] = decodeBytesTensor(blockOf(await infer(imageRequest([SEVEN])), 'label'), 5);
  return Buffer.from(label ?? []).toString();
}

describe('a version that is changed on disk while it is served', () => {
  let running: RunningInference;
  let folder: string;
  beforeAll(async () => {
    running = await runInference(['1'], { HEADGATE_INFERENCE__MODEL_CONTROL: 'explicit' }, undefined, {
      pollMs: 100,
    });
    folder = join(running.dir, 'models/digits/1');
    await running.started();
  }, 60_000);
  afterAll(() => running.stop());

  const row = () =>
    new Promise<string>((resolve, reject) =>
      running.client.repositoryIndex({}, (error, answer) => {
        const [model] = answer?.models ?? [];
        if (model) resolve(`${model.state} ${model.reason}`.trim());
        else reject(error);
      }),
    );
  const load = () =>
    new Promise<void>((resolve, reject) =>
      running.client.repositoryModelLoad({ model_name: 'digits' }, (error) =>
        error ? reject(error) : resolve(),
      ),
    );
  const changed = async () =>
    /^headgate_model_changed_on_disk\{.*\} (\d)$/m.exec((await running.get('/metrics')).text)?.[1];

  it('shows it, is served as it was, and is served anew once it is loaded', async () => {
    expect(await row()).toBe('READY');
    expect(await changed()).toBe('0');
    renameSeven(folder, 'seven');
    await running.until(async () => (await changed()) === '1');
    expect(await row()).toBe('READY changed in the repository; served as it was loaded');
    expect(await labelOf(running.infer)).toBe('7');
    await load();
    expect(await labelOf(running.infer)).toBe('seven');
    expect(await row()).toBe('READY');
    expect(await changed()).toBe('0');
  });

  it('is served as it was when what lies there now cannot be loaded, and says so', async () => {
    truncateSync(join(folder, 'model.onnx'), 1000);
    await running.until(async () => (await changed()) === '1');
    expect(await reasonOf(load())).toBe('load_failed');
    expect(await row()).toMatch(
      /^READY changed in the repository; .*; served as before, since the last load failed: model\.onnx has 1000 bytes/,
    );
    expect(await labelOf(running.infer)).toBe('seven');
    expect((await running.get('/metrics')).text).toContain(
      'headgate_model_load_failures_total{model="digits",version="1",reason="digest"} 1',
    );
  });
});

describe('SIGUSR2', () => {
  it('loads anew what was changed, also where the routing table decides what is served', async () => {
    const front = await startFront({ HEADGATE_INFERENCE__MODEL_CONTROL: 'routing' });
    try {
      expect(await labelOf(front.infer)).toBe('7');
      const before = front.engines();
      renameSeven(join(front.models, 'digits/1'), 'seven');
      process.kill(front.pid, 'SIGUSR2');
      await front.until(async () => (await labelOf(front.infer)) === 'seven');
      await front.until(() => front.engines().length === 1);
      expect(front.engines()).not.toEqual(before);
      // Nothing has changed since: nothing is loaded.
      const after = front.engines();
      process.kill(front.pid, 'SIGUSR2');
      await labelOf(front.infer);
      expect(front.engines()).toEqual(after);
    } finally {
      await front.stop();
    }
  }, 60_000);
});

describe('unloading', () => {
  let running: RunningInference;
  beforeAll(async () => {
    running = await runInference(['1'], { HEADGATE_INFERENCE__MODEL_CONTROL: 'explicit' });
    await running.started();
  }, 60_000);
  afterAll(() => running.stop());

  const call = (what: 'repositoryModelLoad' | 'repositoryModelUnload') =>
    new Promise<void>((resolve, reject) =>
      running.client[what]({ model_name: 'digits' }, (error: Error | null) =>
        error ? reject(error) : resolve(),
      ),
    );

  it('finishes the requests that came before it', async () => {
    const before = Array.from({ length: 40 }, () => reasonOf(running.infer(imageRequest([SEVEN]))));
    const unloaded = call('repositoryModelUnload');
    expect(new Set(await Promise.all(before))).toEqual(new Set(['ok']));
    await unloaded;
    expect(await reasonOf(running.infer(imageRequest([SEVEN])))).toBe('unknown_model');
  });

  it('of the last model takes readiness away, and loading one gives it back', async () => {
    expect((await running.get('/readyz')).status).toBe(503);
    await call('repositoryModelLoad');
    expect((await running.get('/readyz')).status).toBe(200);
  });

  it('and loading leave the server ready while something is served', async () => {
    const seen = new Set<number>();
    let isLoading = true;
    const watching = (async () => {
      while (isLoading) seen.add((await running.get('/readyz')).status);
    })();
    await call('repositoryModelLoad');
    isLoading = false;
    await watching;
    expect([...seen]).toEqual([200]);
  });
});
