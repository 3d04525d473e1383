import { z } from 'zod';
import { sha256Schema as sha256 } from './digest.ts';

/**
 * The manifest that lies beside every model file: `models/<name>/<version>/manifest.yaml`. Python writes it
 * (pipelines/), inference reads it; `contracts/schema/manifest.schema.json` is exported from here.
 */

/** Largest side that a tensor may declare. */
const MAX_SIDE = 2 ** 31 - 1;
/** Largest file of a model, in bytes: 1 TiB. */
const MAX_FILE_BYTES = 2 ** 40;

/** A file of the version: exactly these bytes, or the version is not served. `path` is below its folder. */
const fileSchema = z.strictObject({
  path: z.string().min(1),
  sha256,
  bytes: z.number().int().positive().max(MAX_FILE_BYTES),
});

export const DATATYPES = [
  'BOOL', 'UINT8', 'UINT16', 'UINT32', 'UINT64', 'INT8', 'INT16', 'INT32', 'INT64', 'FP16', 'FP32', 'FP64', 'BYTES',
] as const; // biome-ignore format: one line reads as a table
export type Datatype = (typeof DATATYPES)[number];

const tensorSchema = z.strictObject({
  name: z.string().min(1),
  datatype: z.enum(DATATYPES),
  /** -1 is a variable dimension; the first one is the batch. Empty: a scalar. */
  shape: z.array(z.number().int().min(-1).max(MAX_SIDE)).max(8),
});

const inputSchema = tensorSchema.extend({
  /** Only for `tensor` models and FP types: a request that holds a NaN is refused. */
  refuse_nan: z.boolean().optional(),
});

/** How an encoded image becomes the model's uint8 NHWC input. Normalisation and layout are nodes in the graph. */
const preprocessingSchema = z.strictObject({
  /** Bumped whenever the same file could give other pixels; part of cache keys. */
  version: z.number().int().min(1),
  /** Pixels. */
  width: z.number().int().min(1).max(4096),
  height: z.number().int().min(1).max(4096),
  /** 3 = RGB, 1 = grey. Alpha is blended over black. */
  channels: z.union([z.literal(1), z.literal(3)]),
  /**
   * `crop`: the largest centred part with the proportions of the input is kept. `stretch`: the whole picture becomes the
   * input, whatever its proportions. `letterbox`: the whole picture, its proportions kept, with a border around it.
   */
  fit: z.enum(['crop', 'stretch', 'letterbox']).default('crop'),
  /** Only for `crop`: the share of that part's sides that is kept (0, 1], rounded down to pixels. */
  crop_fraction: z.number().positive().max(1).default(1),
  /** Only for `letterbox`: grey level of the border. */
  border: z.number().int().min(0).max(255).default(0),
  /** Whether the picture is turned as its EXIF orientation says, as every viewer shows it. */
  orientation: z.enum(['apply', 'ignore']).default('apply'),
  resample: z.enum(['cubic', 'linear', 'nearest']),
});

const goldenSchema = z.strictObject({
  /**
   * Of an `image-classifier`: an image under `samples/` or beside the manifest. Of a `tensor` model: a JSON file
   * beside the manifest with `inputs` and the recorded `outputs`, as the protocol's REST form writes them.
   */
  file: z.string().min(1),
  sha256,
  /** Only for `image-classifier`: best classes of the reference run, best first, with scores in [0, 1]. */
  top: z
    .array(z.strictObject({ class_id: z.number().int().min(0), score: z.number().min(0).max(1) }))
    .min(1)
    .optional(),
});

/** How requests wait and are joined; docs/inference.md explains each. Names and meanings are Triton's where it has them. */
export const batchingSchema = z
  .strictObject({
    /** 1 on a `tensor` model: requests are never joined, and dim 0 is like any other. */
    max_batch_size: z.number().int().min(1).max(1024).default(8),
    /** How long an idle engine may wait for company, in ms. 0: never (decision 0003). */
    max_queue_delay_ms: z.number().min(0).max(1000).default(0),
    /** Items that may wait; further ones are refused as overloaded. */
    max_queue_size: z.number().int().min(1).max(100_000).default(64),
    /** Levels of the request parameter `priority`; 1 goes first. 0: there are none. */
    priority_levels: z.number().int().min(0).max(16).default(0),
    /** Level of requests that name none. Must be one of them when there are levels. */
    default_priority_level: z.number().int().min(0).max(16).default(0),
    /** An item that has waited longer goes before those of higher priority, in ms. */
    starvation_ms: z.number().min(0).max(600_000).default(1000),
    /** What happens to an item whose queue timeout passes: it is refused, or goes behind the others. */
    timeout_action: z.enum(['reject', 'delay']).default('reject'),
    /** How long an item may wait for its run, in ms. 0: until its deadline. */
    default_timeout_ms: z.number().min(0).max(600_000).default(0),
    /** Whether the request parameter `timeout` may ask for a shorter queue timeout. */
    allow_timeout_override: z.boolean().default(true),
  })
  .refine((batching) => batching.default_priority_level <= batching.priority_levels, {
    path: ['default_priority_level'],
    error: 'expected at most priority_levels',
  })
  .refine((batching) => batching.priority_levels === 0 || batching.default_priority_level > 0, {
    path: ['default_priority_level'],
    error: 'expected one of the priority levels, 1 or more',
  });

export const manifestSchema = z.strictObject({
  schema: z.literal(1),
  name: z.string().min(1),
  version: z.string().min(1),
  kind: z.enum(['image-classifier', 'tensor']),
  description: z.string().default(''),
  licence: z.string().min(1),
  file: fileSchema.extend({
    /** Every further file that the model refers to: its weights, where they are not in the model file itself. */
    external_data: z.array(fileSchema).max(256).default([]),
  }),
  /** Tensors of the graph. A `tensor` model with a max_batch_size above 1 has the batch in dim 0 of each, as -1. */
  inputs: z.array(inputSchema).min(1),
  outputs: z.array(tensorSchema).min(1),
  /** Only for `image-classifier`. */
  image: z
    .strictObject({
      input: z.string().min(1),
      /** Output that holds one number per class. */
      output: z.string().min(1),
      /** What makes scores of them. `sigmoid`: the classes do not exclude each other. `none`: they are scores already. */
      activation: z.enum(['softmax', 'sigmoid', 'none']),
      preprocessing: preprocessingSchema,
      /** JSON file beside the manifest: an array of labels, index = class id. */
      labels: z.string().min(1),
      /** Digest of that file. Required where signatures are, since the signature of the manifest covers it then. */
      labels_sha256: sha256.optional(),
      /** Classes in an answer. */
      top_k: z.number().int().min(1).max(1000).default(5),
    })
    .optional(),
  batching: batchingSchema,
  golden: z.strictObject({
    /**
     * Largest allowed difference between the reference run and this server. Scores: absolute. Floating-point tensors:
     * absolute up to 1, relative beyond. All other tensors must be equal.
     */
    tolerance: z.number().positive().max(1),
    samples: z.array(goldenSchema),
  }),
  provenance: z.strictObject({
    source: z.string().min(1),
    source_sha256: sha256.optional(),
    converter: z.string().min(1),
    mlflow_run: z.string().optional(),
    data_version: z.string().optional(),
  }),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type ImageSpec = NonNullable<Manifest['image']>;
export type Preprocessing = z.infer<typeof preprocessingSchema>;
export type TensorSpec = z.infer<typeof tensorSchema>;
export type InputSpec = z.infer<typeof inputSchema>;
export type ModelFile = z.infer<typeof fileSchema>;
export type GoldenSample = z.infer<typeof goldenSchema>;
