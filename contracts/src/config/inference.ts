import { z } from 'zod';
import { bytes, count, drain, group, ms, path } from './values.ts';

const upTo = (max: number) => z.number().int().min(0).max(max);

/** How the engines of a model share the machine. */
const instances = upTo(64);
const intra_op_threads = upTo(256);
const decode_threads = upTo(256);
const devices = z
  .array(upTo(63))
  .min(1)
  .max(64)
  .refine((ids) => new Set(ids).size === ids.length, 'expected each device once');

const cacheSchema = z.strictObject({
  max_bytes: bytes.describe(
    'Limit of each served version: rows, keys and overhead. The longest unused ones leave first.',
  ),
  ttl_ms: upTo(86_400_000).describe('Answers are forgotten after this time; 0: never.'),
  max_waiting: count
    .max(100_000)
    .describe('Callers that may wait for runs that others asked for at the same time, per version.'),
});

/** The serving of models (docs/inference.md). */
export const inferenceSchema = group({
  models_dir: path.default('models').describe('Root of the model repository.'),
  serves: z
    .array(z.string().min(1))
    .default([])
    .describe(
      'Models of the routing table that this process serves; empty: all but those that `serverless` names.',
    ),
  model_control: z
    .enum(['routing', 'explicit'])
    .default('routing')
    .describe(
      'routing: the routing table alone decides what is served (decision 0015), and requests to load or unload models are refused. explicit: such requests are obeyed, by this process alone, until it ends.',
    ),
  models_trust: group({
    require_signature: z
      .boolean()
      .default(false)
      .describe(
        'Only versions whose manifest is signed with one of the keys are served; `npm run model:sign` signs.',
      ),
    public_key_files: z.array(path).max(32).default([]).describe('Ed25519 public keys, as PEM.'),
  }),
  execution: group({
    providers: z
      .array(z.enum(['cuda', 'cpu']))
      .min(1)
      .default(['cpu'])
      .describe('Tried in this order.'),
    require: z
      .enum(['cuda', 'cpu', 'none'])
      .default('none')
      .describe('The start is refused when this provider is not the one in use.'),
    instances: instances
      .default(0)
      .describe(
        'Engine processes per model version; with CUDA, per device. 0: one per core up to four, then one per two cores; with CUDA one per device.',
      ),
    intra_op_threads: intra_op_threads
      .default(0)
      .describe('Threads of one session. 0: the cores divided by the engines.'),
    decode_threads: decode_threads
      .default(0)
      .describe('Images that one engine decodes at the same time. 0: the cores divided by the engines.'),
    devices: devices.default([0]).describe('CUDA devices; unused by the CPU provider.'),
    tf32: z
      .boolean()
      .default(true)
      .describe('CUDA: products and convolutions in TF32, which is faster and less exact.'),
  }),
  models: z
    .record(
      z.string().min(1),
      z.strictObject({ instances, intra_op_threads, decode_threads, devices }).partial(),
    )
    .default({})
    .describe('Model → what differs from `execution`: { digits: { instances: 2 } }.'),
  engine: group({
    start_timeout_ms: ms(3_600_000)
      .default(120_000)
      .describe('A fresh engine must be loaded, verified and warm within this time.'),
    run_timeout_ms: ms()
      .default(60_000)
      .describe('A batch that runs longer counts as hung: the engine is killed and started again.'),
    memory_limit_bytes: z
      .number()
      .int()
      .min(0)
      .default(0)
      .describe('Resident memory of one engine above which it is replaced by a fresh one; 0: no limit.'),
    recycle: z
      .enum(['overlap', 'replace'])
      .default('overlap')
      .describe(
        'overlap: the fresh engine is warm before the old one ends, so no request fails; for that time there is memory for both. replace: the old one ends first.',
      ),
  }),
  limits: group({
    message_bytes: bytes
      .default(16 * 2 ** 20)
      .describe('Largest gRPC message: one image of 10 MiB and its framing fit.'),
    image_pixels: count.default(40_000_000).describe('Most pixels of an image, by its header.'),
    default_deadline_ms: ms().default(30_000).describe('Deadline of a call that has none.'),
  }),
  admission: group({
    answer_reserve_ms: upTo(60_000)
      .default(20)
      .describe(
        'Way back of an answer: a batch that waits for company starts so much earlier than its tightest deadline demands.',
      ),
    adaptive_limit: group({
      enabled: z
        .boolean()
        .default(true)
        .describe("Learns how much may wait; false: only the manifest's max_queue_size limits it."),
    }),
  }).describe('Early refusal of calls that cannot be answered in time.'),
  cache: group({
    models: z
      .record(z.string(), cacheSchema)
      .default({})
      .describe(
        'Model → its response cache: { digits: { max_bytes: 67108864, ttl_ms: 0, max_waiting: 256 } }; other models have none.',
      ),
  }),
  drain: drain('Calls still running after that are cut.'),
});
