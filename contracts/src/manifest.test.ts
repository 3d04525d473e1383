import { describe, expect, it } from 'vitest';
import { manifestSchema } from './manifest.ts';

const digest = 'a'.repeat(64);
const manifest = {
  schema: 1,
  name: 'cats',
  version: '1',
  kind: 'image-classifier',
  licence: 'Apache-2.0',
  file: { path: 'model.onnx', sha256: digest, bytes: 1000 },
  inputs: [{ name: 'image', datatype: 'UINT8', shape: [-1, 224, 224, 3] }],
  outputs: [{ name: 'logits', datatype: 'FP32', shape: [-1, 1000] }],
  image: {
    input: 'image',
    output: 'logits',
    activation: 'softmax',
    preprocessing: {
      version: 1,
      width: 224,
      height: 224,
      channels: 3,
      crop_fraction: 0.875,
      resample: 'cubic',
    },
    labels: 'labels.json',
  },
  batching: {},
  golden: {
    tolerance: 0.01,
    samples: [{ file: 'chelsea.png', sha256: digest, top: [{ class_id: 282, score: 0.4 }] }],
  },
  provenance: { source: 'a package', converter: 'headgate_pipelines' },
};

const issuesOf = (document: unknown) => {
  const result = manifestSchema.safeParse(document);
  return result.success ? [] : result.error.issues.map(({ path }) => path.join('.'));
};

describe('manifestSchema', () => {
  it('accepts an image classifier and fills in the defaults of the queue', () => {
    const parsed = manifestSchema.parse(manifest);
    expect(parsed.batching).toEqual({
      max_batch_size: 8,
      max_queue_delay_ms: 0,
      max_queue_size: 64,
      priority_levels: 0,
      default_priority_level: 0,
      starvation_ms: 1000,
      timeout_action: 'reject',
      default_timeout_ms: 0,
      allow_timeout_override: true,
    });
    expect(parsed.image?.top_k).toBe(5);
  });

  it('accepts a model that takes tensors alone', () => {
    const { image: _, ...tensor } = { ...manifest, kind: 'tensor' };
    expect(issuesOf(tensor)).toEqual([]);
  });

  it.each<[string, object, string]>([
    ['a digest that is none', { file: { ...manifest.file, sha256: 'x' } }, 'file.sha256'],
    ['a shape below -1', { inputs: [{ name: 'a', datatype: 'FP32', shape: [-2] }] }, 'inputs.0.shape.0'],
    ['an unknown datatype', { outputs: [{ name: 'a', datatype: 'FP8', shape: [1] }] }, 'outputs.0.datatype'],
    ['no licence', { licence: undefined }, 'licence'],
    ['an unbounded queue', { batching: { max_queue_size: 0 } }, 'batching.max_queue_size'],
    [
      'a default priority beyond the levels',
      { batching: { priority_levels: 2, default_priority_level: 3 } },
      'batching.default_priority_level',
    ],
    [
      'priority levels without a default',
      { batching: { priority_levels: 2 } },
      'batching.default_priority_level',
    ],
    [
      'a score above one',
      {
        golden: {
          tolerance: 0.1,
          samples: [{ ...manifest.golden.samples[0], top: [{ class_id: 1, score: 1.1 }] }],
        },
      },
      'golden.samples.0.top.0.score',
    ],
    ['an unknown key', { extra: 1 }, ''],
  ])('refuses %s, and says where', (_, changes, path) => {
    expect(issuesOf({ ...manifest, ...changes })).toContain(path);
  });
});
