import type { ModelInferRequest__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import { batchingSchema } from '@headgate/contracts/manifest';
import { encodeBytesTensor } from '@headgate/contracts/tensor';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { modelConfig, modelMetadata } from './describe.ts';
import type { Catalogue } from './models/catalogue.ts';
import { readImageRequest } from './request.ts';
import { AFFINE, COLOURS, manifestOf, type TensorModel } from './testing/tensor-models.ts';

/** A catalogue with one model whose engines run on the given devices. */
function catalogueOf(
  provider: 'cpu' | 'cuda',
  devices: readonly number[],
  model: TensorModel = AFFINE,
  batching: z.input<typeof batchingSchema> = {},
): Catalogue {
  const engines = devices.map((deviceId) => ({ deviceId, report: { provider } }));
  const plain = manifestOf('affine', model);
  const manifest = { ...plain, batching: batchingSchema.parse({ ...plain.batching, ...batching }) };
  const deployment = { version: '1', package: { manifest }, engines };
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

  it('words the queue policy of the manifest as Triton does, times in microseconds', () => {
    const policy = {
      max_queue_delay_ms: 1.5,
      priority_levels: 3,
      default_priority_level: 2,
      timeout_action: 'delay',
      default_timeout_ms: 250,
      allow_timeout_override: false,
      max_queue_size: 17,
    } as const;
    const { dynamic_batching } = modelConfig(catalogueOf('cpu', [0], AFFINE, policy), 'affine', '');
    expect(dynamic_batching).toEqual({
      max_queue_delay_microseconds: 1500,
      priority_levels: 3,
      default_priority_level: 2,
      default_queue_policy: {
        timeout_action: 'DELAY',
        default_timeout_microseconds: 250_000,
        allow_timeout_override: false,
        max_queue_size: 17,
      },
    });
  });

  it('words a policy that refuses what waits too long, without levels or times of its own', () => {
    const { dynamic_batching } = modelConfig(catalogueOf('cpu', [0]), 'affine', '');
    expect(dynamic_batching).toMatchObject({
      max_queue_delay_microseconds: 0,
      priority_levels: 0,
      default_queue_policy: {
        timeout_action: 'REJECT',
        default_timeout_microseconds: 0,
        allow_timeout_override: true,
        max_queue_size: 64,
      },
    });
  });

  it('says of images what is accepted, both in its own words and in those of Triton', () => {
    const catalogue = catalogueOf('cpu', [0], COLOURS);
    const images = [Buffer.from('a'), Buffer.from('b'), Buffer.from('c')];
    const [own] = modelMetadata(catalogue, 'colours', '').inputs ?? [];
    const { input: [tritons] = [], max_batch_size } = modelConfig(catalogue, 'colours', '');
    const shapes = [
      own?.shape?.map((side) => (Number(side) === -1 ? images.length : Number(side))) ?? [],
      [images.length, ...(tritons?.dims ?? []).map(Number)],
    ];
    expect(shapes).toEqual([[3], [3, 1]]);
    for (const shape of shapes) {
      const request = {
        inputs: [{ name: own?.name, datatype: own?.datatype, shape, contents: null }],
        raw_input_contents: [Buffer.from(encodeBytesTensor(images))],
        outputs: [],
      } as unknown as ModelInferRequest__Output;
      const expected = { name: tritons?.name ?? '', maxBatchSize: Number(max_batch_size) };
      expect(readImageRequest(request, expected).images).toEqual(images);
    }
  });
});
