import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  batchingSchema,
  DATATYPES,
  type Datatype,
  type ImageSpec,
  type InputSpec,
  type Manifest,
  type TensorSpec,
} from '@headgate/contracts/manifest';

const FILES = fileURLToPath(new URL('./models/', import.meta.url));

/** What a test may say about a model; the rest is the same for all. */
export interface TensorModel {
  readonly inputs: readonly InputSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly maxBatchSize: number;
  /** File name without its ending. */
  readonly file: string;
  /** Makes it a model of images; its labels are numbers. */
  readonly image?: ImageSpec;
}

/** Models made by models/make.py, which says what they compute. */
export const AFFINE: TensorModel = {
  file: 'affine',
  maxBatchSize: 4,
  inputs: [
    { name: 'x', datatype: 'FP32', shape: [-1, 3] },
    { name: 'ids', datatype: 'INT64', shape: [-1, 2] },
  ],
  outputs: [
    { name: 'scaled', datatype: 'FP32', shape: [-1, 3] },
    { name: 'sum', datatype: 'FP32', shape: [-1] },
    { name: 'next', datatype: 'INT64', shape: [-1, 2] },
  ],
};

/** Has a scalar on either side. */
export const SCALE: TensorModel = {
  file: 'scale',
  maxBatchSize: 1,
  inputs: [
    { name: 'x', datatype: 'FP32', shape: [2, -1] },
    { name: 'factor', datatype: 'FP32', shape: [] },
  ],
  outputs: [
    { name: 'y', datatype: 'FP32', shape: [2, -1] },
    { name: 'total', datatype: 'FP32', shape: [] },
  ],
};

export const TRANSPOSE: TensorModel = {
  file: 'transpose',
  maxBatchSize: 1,
  inputs: [{ name: 'x', datatype: 'FP32', shape: [2, 3] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [3, 2] }],
};

export const PICK: TensorModel = {
  file: 'pick',
  maxBatchSize: 8,
  inputs: [{ name: 'index', datatype: 'INT64', shape: [-1, 1] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
};

/** The mean of each colour of a picture. */
export const COLOURS: TensorModel = {
  file: 'colours',
  maxBatchSize: 8,
  inputs: [{ name: 'pixels', datatype: 'UINT8', shape: [-1, 24, 24, 3] }],
  outputs: [{ name: 'means', datatype: 'FP32', shape: [-1, 3] }],
  image: {
    input: 'pixels',
    output: 'means',
    activation: 'none',
    preprocessing: {
      version: 1,
      width: 24,
      height: 24,
      channels: 3,
      fit: 'crop',
      crop_fraction: 0.875,
      border: 0,
      orientation: 'apply',
      resample: 'cubic',
    },
    labels: 'labels.json',
    top_k: 3,
  },
};

/** A bad version of the digits model: it warms up, and then each request fails. */
export const DARK_ONLY: TensorModel = {
  file: 'dark-only',
  maxBatchSize: 8,
  inputs: [{ name: 'image', datatype: 'UINT8', shape: [-1, 8, 8, 1] }],
  outputs: [{ name: 'logits', datatype: 'FP32', shape: [-1, 10] }],
  image: {
    input: 'image',
    output: 'logits',
    activation: 'softmax',
    preprocessing: {
      version: 1,
      width: 8,
      height: 8,
      channels: 1,
      fit: 'crop',
      crop_fraction: 1,
      border: 0,
      orientation: 'apply',
      resample: 'cubic',
    },
    labels: 'labels.json',
    top_k: 5,
  },
};

export const UNKNOWN_OPERATOR: TensorModel = {
  file: 'unknown-operator',
  maxBatchSize: 4,
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
};

export function echoOf(datatype: Datatype): TensorModel {
  return {
    file: `echo-${datatype.toLowerCase()}`,
    maxBatchSize: 4,
    inputs: [{ name: 'x', datatype, shape: [-1, -1] }],
    outputs: [{ name: 'y', datatype, shape: [-1, -1] }],
  };
}

/** Returns its input after some hundred milliseconds on one core, whatever the batch. */
export const SLOW_ECHO: TensorModel = {
  file: 'slow-echo',
  maxBatchSize: 2,
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, -1] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, -1] }],
};

/** One tensor of each datatype: `in_fp32` comes back as `out_fp32`. */
export const ECHO_ALL: TensorModel = {
  file: 'echo-all',
  maxBatchSize: 4,
  inputs: DATATYPES.map((datatype) => ({ name: `in_${datatype.toLowerCase()}`, datatype, shape: [-1, -1] })),
  outputs: DATATYPES.map((datatype) => ({
    name: `out_${datatype.toLowerCase()}`,
    datatype,
    shape: [-1, -1],
  })),
};

/** The manifest of a model in version 1. */
export function manifestOf(name: string, model: TensorModel): Manifest {
  const bytes = readFileSync(join(FILES, `${model.file}.onnx`));
  return {
    schema: 1,
    name,
    version: '1',
    kind: model.image ? 'image-classifier' : 'tensor',
    description: '',
    licence: 'Apache-2.0',
    file: {
      path: 'model.onnx',
      sha256: createHash('sha256').update(bytes).digest('hex'),
      bytes: bytes.byteLength,
      external_data: [],
    },
    inputs: [...model.inputs],
    outputs: [...model.outputs],
    ...(model.image && { image: model.image }),
    batching: batchingSchema.parse({ max_batch_size: model.maxBatchSize }),
    golden: { tolerance: 0.001, samples: [] },
    provenance: { source: 'test', converter: 'inference/src/testing/models/make.py' },
  };
}

/** Puts a version of a model into a repository. @param root the folder that holds the models */
export function writeTensorModel(root: string, name: string, model: TensorModel, version = '1'): void {
  const folder = join(root, name, version);
  mkdirSync(folder, { recursive: true });
  cpSync(join(FILES, `${model.file}.onnx`), join(folder, 'model.onnx'));
  writeFileSync(join(folder, 'manifest.yaml'), JSON.stringify({ ...manifestOf(name, model), version }));
  if (!model.image) return;
  const classes = model.outputs[0]?.shape.at(-1) ?? 0;
  const labels = Array.from({ length: classes }, (_, index) => String(index));
  writeFileSync(join(folder, model.image.labels), JSON.stringify(labels));
}
