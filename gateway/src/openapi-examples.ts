/** Bodies as the served sample model sends and takes them; a test reads each by its schema. */

const ID = '01a205d8-12eb-78c0-97f2-d08ae8e9b6da';
const MODEL = 'efficientnet-lite0';

const TOP = [
  { label: 'tiger cat', class_id: 282, score: 0.3876 },
  { label: 'Egyptian cat', class_id: 285, score: 0.36 },
  { label: 'tabby', class_id: 281, score: 0.1676 },
];

const answered = { id: ID, model: MODEL, version: '1', variant: 'fp32' };
const timing_ms = { total: 43.249, upstream: 37.64, queue: 5.35, decode: 8.363, run: 15.691 };

export const PREDICTIONS = {
  one: {
    summary: 'One image',
    value: { ...answered, predictions: [{ index: 0, filename: 'photo.jpg', top: TOP }], timing_ms },
  },
  several: {
    summary: 'Two images, of which one is damaged',
    value: {
      ...answered,
      predictions: [
        { index: 0, filename: 'photo.jpg', top: TOP },
        {
          index: 1,
          filename: 'half.jpg',
          error: { reason: 'undecodable_image', detail: 'The header of the image is damaged or cut off.' },
        },
      ],
      timing_ms,
    },
  },
  raw: {
    summary: 'One version, a raw image',
    value: {
      ...answered,
      variant: null,
      predictions: [{ index: 0, filename: null, top: TOP }],
      timing_ms,
    },
  },
};

export const FORMS = {
  one: { summary: 'One image', value: { image: ['(bytes of photo.jpg)'] } },
  several: { summary: 'Two images', value: { image: ['(bytes of photo.jpg)', '(bytes of half.jpg)'] } },
};

/** A value that stands for bytes. */
export const BYTES_OF_A_PHOTO = '(bytes of photo.jpg)';

export const FEEDBACK = { prediction_id: ID, index: 0, label: 'tabby' };
export const FEEDBACKS = {
  label: { summary: 'The right class', value: FEEDBACK },
  reward: { summary: 'What the answer was worth', value: { prediction_id: ID, index: 0, reward: 1 } },
};
export const FEEDBACK_ACCEPTED = { prediction_id: ID, index: 0 };

export const MODELS = {
  default_model: MODEL,
  models: [
    {
      name: MODEL,
      versions: [
        { version: '1', ready: true },
        { version: '2', ready: true },
      ],
      experiment: {
        name: 'fp32-vs-int8',
        variants: [
          { name: 'fp32', version: '1', weight: 90 },
          { name: 'int8', version: '2', weight: 10 },
        ],
      },
    },
  ],
};

const image = { name: 'image', datatype: 'BYTES', shape: [1] };

export const INFERS = {
  json: {
    summary: 'A photo as base64',
    value: {
      inputs: [{ ...image, parameters: { content_type: 'base64' }, data: ['/9j/4AAQSkZJRg…'] }],
    },
  },
  binary: {
    summary: 'The JSON in front of a raw block of 48,213 bytes; scores come back in binary too',
    value: {
      inputs: [{ ...image, parameters: { binary_data_size: 48_213 } }],
      outputs: [{ name: 'score', parameters: { binary_data: true } }],
    },
  },
};

export const INFERRED = {
  model_name: MODEL,
  model_version: '1',
  id: ID,
  parameters: {
    prediction_id: ID,
    variant: 'fp32',
    queue_ms: 0.4,
    decode_ms: 8.4,
    run_ms: 15.7,
    engine_ms: 15.7,
    batch_size: 1,
  },
  outputs: [
    { name: 'class_id', datatype: 'INT64', shape: [1, 2], data: [282, 285] },
    { name: 'score', datatype: 'FP32', shape: [1, 2], data: [0.3876, 0.36] },
    { name: 'label', datatype: 'BYTES', shape: [1, 2], data: ['tiger cat', 'Egyptian cat'] },
  ],
};

/** The same, with one output in binary. */
export const INFERRED_BINARY = {
  ...INFERRED,
  outputs: [{ name: 'score', datatype: 'FP32', shape: [1, 5], parameters: { binary_data_size: 20 } }],
};

const tensors = {
  inputs: [{ name: 'image', datatype: 'BYTES', shape: [-1] }],
  outputs: [{ name: 'label', datatype: 'BYTES', shape: [-1, 5] }],
};

/** Answers of the Open Inference Protocol, by operation. */
export const OPEN_INFERENCE: Readonly<Record<string, unknown>> = {
  serverMetadata: { name: 'headgate', version: '0.1.0', extensions: ['binary_tensor_data'] },
  serverLive: { live: true },
  serverReady: { live: true, ready: true },
  modelMetadata: { name: MODEL, versions: ['1', '2'], platform: 'onnxruntime_onnx/cpu', ...tensors },
  modelReady: { name: MODEL, version: '1', ready: true },
  modelConfig: { name: MODEL, platform: 'onnxruntime_onnx', max_batch_size: 8 },
  modelStatistics: { model_stats: [{ name: MODEL, version: '1', inference_count: '42' }] },
  repositoryIndex: [{ name: MODEL, version: '1', state: 'READY', reason: '' }],
  loadModel: {},
  unloadModel: {},
};
