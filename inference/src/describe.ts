import type { DataType } from '@headgate/contracts/gen/grpc/inference/DataType';
import type { ModelConfig } from '@headgate/contracts/gen/grpc/inference/ModelConfig';
import type { ModelDynamicBatching } from '@headgate/contracts/gen/grpc/inference/ModelDynamicBatching';
import type { ModelInstanceGroup } from '@headgate/contracts/gen/grpc/inference/ModelInstanceGroup';
import type { ModelMetadataResponse } from '@headgate/contracts/gen/grpc/inference/ModelMetadataResponse';
import type { Datatype, Manifest, TensorSpec } from '@headgate/contracts/manifest';
import { unavailable } from './errors.ts';
import type { Catalogue } from './models/catalogue.ts';
import type { Deployment } from './models/deployment.ts';

const PLATFORM = 'onnxruntime_onnx';

/** What callers send to a model and get from it: for image models, not the tensors of the graph behind it. */
function tensorsOf({ image, inputs, outputs }: Manifest): {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
} {
  if (!image) return { inputs, outputs };
  const shape = [-1, image.top_k];
  return {
    inputs: [{ name: image.input, datatype: 'BYTES', shape: [-1] }],
    outputs: [
      { name: 'label', datatype: 'BYTES', shape },
      { name: 'score', datatype: 'FP32', shape },
      { name: 'class_id', datatype: 'INT32', shape },
    ],
  };
}

/** @param version '' for the control version. @throws HeadgateError unknown_model, unknown_version, unavailable */
export function modelMetadata(catalogue: Catalogue, name: string, version: string): ModelMetadataResponse {
  const { manifest, engines } = loaded(catalogue, name, version);
  const tensors = tensorsOf(manifest);
  const [engine] = engines;
  return {
    name,
    versions: [...catalogue.versions(name)],
    platform: engine ? `${PLATFORM}/${engine.report.provider}` : PLATFORM,
    inputs: tensors.inputs.map(toMetadata),
    outputs: tensors.outputs.map(toMetadata),
  };
}

/** The manifest in Triton's words. Parameters and errors as in `modelMetadata`. */
export function modelConfig(catalogue: Catalogue, name: string, version: string): ModelConfig {
  const { manifest, engines } = loaded(catalogue, name, version);
  const { batching, file } = manifest;
  const { inputs, outputs } = tensorsOf(manifest);
  const batched = isBatched(manifest);
  const toTensor = ({ name, datatype, shape }: TensorSpec) => ({
    name,
    data_type: dataTypeOf(datatype),
    dims: batched ? shape.slice(1) : shape,
  });
  const numbers = catalogue.versions(name).map(Number);
  return {
    name,
    platform: PLATFORM,
    backend: 'onnxruntime',
    version_policy: { specific: { versions: numbers.filter(Number.isSafeInteger) } },
    max_batch_size: batched ? batching.max_batch_size : 0,
    // A scalar in each item is a tensor of one element there.
    input: inputs.map(toTensor).map(withDims),
    output: outputs.map(toTensor).map(withDims),
    instance_group: [instanceGroup(manifest, engines)],
    default_model_filename: file.path,
    ...(batched && {
      dynamic_batching: dynamicBatching(manifest),
    }),
  };
}

function dynamicBatching({ batching }: Pick<Manifest, 'batching'>): ModelDynamicBatching {
  return {
    max_queue_delay_microseconds: Math.round(batching.max_queue_delay_ms * 1000),
    priority_levels: batching.priority_levels,
    default_priority_level: batching.default_priority_level,
    default_queue_policy: {
      timeout_action: batching.timeout_action === 'delay' ? 'DELAY' : 'REJECT',
      default_timeout_microseconds: Math.round(batching.default_timeout_ms * 1000),
      allow_timeout_override: batching.allow_timeout_override,
      max_queue_size: batching.max_queue_size,
    },
  };
}

/** Whether dim 0 of every tensor counts items, so that requests are joined. */
function isBatched({ image, batching }: Pick<Manifest, 'image' | 'batching'>): boolean {
  return image !== undefined || batching.max_batch_size > 1;
}

function loaded(catalogue: Catalogue, name: string, version: string) {
  const deployment = catalogue.find(name, version);
  const manifest = deployment.package?.manifest;
  if (!manifest) throw unavailable(`Version ${deployment.version} of ${name} is not loaded yet.`, 1_000);
  return { manifest, engines: deployment.engines };
}

function toMetadata({ name, datatype, shape }: TensorSpec) {
  return { name, datatype, shape: [...shape] };
}

function withDims<T extends { readonly dims: number[] }>(tensor: T): T {
  return tensor.dims.length > 0 ? tensor : { ...tensor, dims: [1] };
}

function dataTypeOf(datatype: Datatype): DataType {
  return datatype === 'BYTES' ? 'TYPE_STRING' : `TYPE_${datatype}`;
}

/** Triton counts instances per GPU. */
function instanceGroup({ name }: Manifest, engines: Deployment['engines']): ModelInstanceGroup {
  if (engines[0]?.report.provider !== 'cuda') return { name, count: engines.length, kind: 'KIND_CPU' };
  const gpus = [...new Set(engines.map(({ deviceId }) => deviceId))].sort((a, b) => a - b);
  return { name, count: Math.ceil(engines.length / gpus.length), kind: 'KIND_GPU', gpus };
}
