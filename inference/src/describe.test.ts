import { describe, expect, it } from 'vitest';
import { modelConfig, modelMetadata } from './describe.ts';
import type { Catalogue } from './models/reconcile.ts';
import { AFFINE, manifestOf } from './testing/tensor-models.ts';

/** A catalogue with one model whose engines run on the given devices. */
function catalogueOf(provider: 'cpu' | 'cuda', devices: readonly number[]): Catalogue {
  const engines = devices.map((deviceId) => ({ deviceId, report: { provider } }));
  const deployment = { version: '1', package: { manifest: manifestOf('affine', AFFINE) }, engines };
  return { find: () => deployment, versions: () => ['1'] } as unknown as Catalogue;
}

describe('the description of a model', () => {
  it('names the provider that is in use', () => {
    expect(modelMetadata(catalogueOf('cuda', [0]), 'affine', '').platform).toBe('onnxruntime_onnx/cuda');
    expect(modelMetadata(catalogueOf('cpu', [0]), 'affine', '').platform).toBe('onnxruntime_onnx/cpu');
    expect(modelMetadata(catalogueOf('cpu', []), 'affine', '').platform).toBe('onnxruntime_onnx');
  });

  it('lists the devices of its engines, and counts them per device as Triton does', () => {
    expect(modelConfig(catalogueOf('cuda', [3, 1, 3, 1]), 'affine', '').instance_group).toEqual([
      { name: 'affine', count: 2, kind: 'KIND_GPU', gpus: [1, 3] },
    ]);
    expect(modelConfig(catalogueOf('cpu', [0, 0]), 'affine', '').instance_group).toEqual([
      { name: 'affine', count: 2, kind: 'KIND_CPU' },
    ]);
  });
});
