import { HeadgateError } from '@headgate/contracts/errors';
import type { ModelConfig__Output } from '@headgate/contracts/gen/grpc/inference/ModelConfig';
import type { ModelInferRequest } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { ModelInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import type { CallContext, LoadParameters, OpenInference } from '../upstream/inference.ts';

/** What the app asked for, in order. */
export interface AskedInference {
  readonly infers: { readonly request: ModelInferRequest; readonly context: CallContext }[];
  /** Other calls, as `name argument`. */
  readonly others: string[];
  readonly loads: LoadParameters[];
}

/** Inference whose models answer every input as the output of the same name, and whose repository holds `net`. */
export function echoInference(): OpenInference & { readonly asked: AskedInference } {
  const asked: AskedInference = { infers: [], others: [], loads: [] };
  const note = (...call: unknown[]) => void asked.others.push(call.join(' '));
  return {
    asked,
    infer: async (request, context) => {
      asked.infers.push({ request, context });
      return echo(request);
    },
    serverMetadata: async () => ({ name: 'headgate', version: '1', extensions: ['statistics'] }),
    modelMetadata: async ({ model, version }) => {
      note('metadata', model, version);
      return { name: model, versions: ['1'], platform: 'onnxruntime_onnx/cpu', inputs: [X], outputs: [X] };
    },
    modelConfig: async ({ model, version }) => {
      note('config', model, version);
      return { config: { ...CONFIG, name: model } };
    },
    statistics: async ({ model, version }) => {
      note('statistics', model, version);
      return { model_stats: [] };
    },
    repositoryIndex: async (readyOnly) => {
      note('index', readyOnly);
      return { models: [{ name: 'net', version: '1', state: 'READY', reason: '' }] };
    },
    load: async (model, parameters) => {
      note('load', model);
      asked.loads.push(parameters);
    },
    unload: async (model) => {
      note('unload', model);
      throw new HeadgateError('model_control_off', 'Not here.');
    },
  };
}

const X = { name: 'x', datatype: 'FP32', shape: [-1, 2] };

/** A configuration as the gRPC library hands it out, with what is not set. */
const CONFIG: ModelConfig__Output = {
  name: '',
  platform: 'onnxruntime_onnx',
  backend: 'onnxruntime',
  version_policy: { specific: { versions: [1] }, policy_choice: 'specific' },
  max_batch_size: 0,
  input: [],
  output: [],
  instance_group: [],
  default_model_filename: 'model.onnx',
  dynamic_batching: null,
  parameters: {},
  model_transaction_policy: null,
};

function echo({ model_name = '', model_version = '', id = '', ...request }: ModelInferRequest) {
  const { inputs = [], outputs = [], raw_input_contents = [] } = request;
  const wanted = inputs
    .map(({ name = '', datatype = '', shape = [] }, i) => ({
      tensor: { name, datatype, shape: shape.map(Number), parameters: {}, contents: null },
      // Without a copy into a Buffer, which other hosts do not have.
      block: raw_input_contents[i] as Buffer,
    }))
    .filter(({ tensor }) => outputs.length === 0 || outputs.some(({ name }) => name === tensor.name));
  return {
    model_name,
    model_version,
    id,
    parameters: { queue_ms: { double_param: 1.5, parameter_choice: 'double_param' } },
    outputs: wanted.map(({ tensor }) => tensor),
    raw_output_contents: wanted.map(({ block }) => block),
  } satisfies ModelInferResponse__Output;
}
