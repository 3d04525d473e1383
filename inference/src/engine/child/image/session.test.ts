import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ImageSpec, type Manifest, manifestSchema } from '@headgate/contracts/manifest';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { EngineSpec } from '../../protocol.ts';
import { itemBytes, openSession } from './session.ts';

const directory = fileURLToPath(new URL('../../../../../models/digits/1/', import.meta.url));
const manifest = manifestSchema.parse(parse(readFileSync(`${directory}manifest.yaml`, 'utf8')));
const image = manifest.image as ImageSpec;
const specOf = (changed: Manifest): EngineSpec => ({
  directory,
  manifest: changed,
  sampleDirs: [],
  provider: 'cpu',
  deviceId: 0,
  tf32: true,
  intraOpThreads: 1,
  decodeThreads: 1,
  maxPixels: 1,
  maxSide: 32_768,
  nice: 0,
});
const open = (
  change: Partial<ImageSpec>,
  batch: Uint8Array = new Uint8Array(4 * itemBytes(image.preprocessing)),
) => openSession(specOf(manifest), { ...image, ...change }, batch);

describe('openSession', () => {
  it('runs the first items of the batch buffer in place', async () => {
    const batch = new Uint8Array(new SharedArrayBuffer(4 * itemBytes(image.preprocessing)));
    const session = await open({}, batch);
    const blank = await session.run(0, 1);
    expect(blank).toHaveLength(10);
    batch.fill(255, itemBytes(image.preprocessing));
    const [first, second] = [await session.run(0, 1), await session.run(0, 2)];
    expect(first).toEqual(blank);
    expect(second.subarray(0, 10).map((logit, i) => Math.abs(logit - (blank[i] as number)))).toSatisfy(
      (differences: Float32Array) => differences.every((difference) => difference < 1e-4),
    );
    expect(second.subarray(10)).not.toEqual(blank);
  });

  it('refuses a model that contradicts its manifest, and says in which point', async () => {
    await expect(open({ input: 'picture' })).rejects.toThrow(/exactly one input, picture, of type uint8/);
    await expect(open({ output: 'scores' })).rejects.toThrow(/an output scores of type float32/);
    const preprocessing = { ...image.preprocessing, width: 16 };
    await expect(open({ preprocessing })).rejects.toThrow(/expected input shape \[N, 8, 16, 1\]/);
  });

  it('fails on a file that is no model', async () => {
    const spec = specOf({ ...manifest, file: { ...manifest.file, path: 'labels.json' } });
    await expect(openSession(spec, image, new Uint8Array(64))).rejects.toThrow();
  });
});
