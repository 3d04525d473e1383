import { z } from 'zod';
import { auditSchema } from './audit.ts';
import { captureSchema } from './capture.ts';
import { envoySchema } from './envoy.ts';
import { gatewaySchema } from './gateway.ts';
import { recordsSchema } from './records.ts';
import { checkRules } from './rules.ts';
import { telemetrySchema } from './telemetry.ts';
import { group, path } from './values.ts';

/**
 * Everything that an operator may change, as one schema: `config/base.yaml`, then `config/<environment>.yaml`,
 * then environment variables `HEADGATE_<PATH>` with `__` between the levels. Keys end in their unit.
 * Unknown keys are errors: a typo must not silently keep a default.
 */

const ms = (max: number) => z.number().int().min(0).max(max);
const bytes = z.number().int().min(1);
const count = z.number().int().min(1);

/** Response cache of a model (docs/inference.md). */
const cacheSchema = z.strictObject({
  /** What each served version of the model may hold: rows, keys and overhead. The longest unused ones leave first. */
  max_bytes: bytes,
  /** Answers are forgotten after this time; 0: never. */
  ttl_ms: ms(86_400_000),
  /** Callers that may wait for runs that others asked for at the same time, per version. */
  max_waiting: count.max(100_000),
});

/** How the engines of a model share the machine. */
const layoutShape = {
  /** Engine processes per model version; with CUDA, per device. 0: one per core up to four, then one per two cores; with CUDA one per device. */
  instances: z.number().int().min(0).max(64),
  /** Threads of one session. 0: the cores divided by the engines. */
  intra_op_threads: z.number().int().min(0).max(256),
  /** Images that one engine decodes at the same time. 0: the cores divided by the engines. */
  decode_threads: z.number().int().min(0).max(256),
  /** CUDA devices. Of no meaning to the CPU provider. */
  devices: z
    .array(z.number().int().min(0).max(63))
    .min(1)
    .max(64)
    .refine((ids) => new Set(ids).size === ids.length, 'expected each device once'),
};

const inferenceSchema = z.strictObject({
  /** Root of the model repository. */
  models_dir: z.string().min(1),
  /**
   * routing: the routing table alone decides what is served (decision 0015), and requests to load or unload models
   * are refused. explicit: such requests are obeyed, by this process alone, until it ends.
   */
  model_control: z.enum(['routing', 'explicit']),
  models_trust: z.strictObject({
    /** Only versions whose manifest is signed with one of the keys are served; `npm run model:sign` signs. */
    require_signature: z.boolean(),
    /** Ed25519 public keys, as PEM. */
    public_key_files: z.array(z.string().min(1)).max(32),
  }),
  /** How often the files of served versions are compared with those that were loaded, in ms. */
  models_poll_ms: ms(3_600_000).min(100),
  execution: z.strictObject({
    /** Tried in this order. */
    providers: z.array(z.enum(['cuda', 'cpu'])).min(1),
    /** Refuse to start when this provider is not the one in use. */
    require: z.enum(['cuda', 'cpu', 'none']),
    ...layoutShape,
    /** CUDA: let products and convolutions be computed in TF32, which is faster and less exact. */
    tf32: z.boolean(),
  }),
  /** What single models have otherwise than `execution`, by their name. */
  models: z.record(z.string().min(1), z.strictObject(layoutShape).partial()),
  engine: z.strictObject({
    /** A fresh engine must be loaded, verified and warm within this time. */
    start_timeout_ms: ms(3_600_000).min(1),
    /** Engines that load at the same time; further ones wait. Each takes about a core from those that serve. */
    parallel_loads: count.max(64),
    /** First pause before a crashed engine is started again; doubles up to restart_max_ms. */
    restart_min_ms: ms(60_000).min(1),
    restart_max_ms: ms(600_000).min(1),
    /** A batch that runs longer is taken for hung: the engine is killed and started again. */
    run_timeout_ms: ms(600_000).min(1),
    /** Resident memory of one engine, in bytes, above which it is replaced by a fresh one; 0 = no limit. */
    memory_limit_bytes: z.number().int().min(0),
    /**
     * overlap: the fresh engine is warm before the old one finishes its work and ends, so no request fails; for
     * that time there is memory for both. replace: the old one ends first.
     */
    recycle: z.enum(['overlap', 'replace']),
    /** Scheduling niceness of engine processes, so that health and admission answer while all cores compute. */
    nice: z.number().int().min(0).max(19),
  }),
  limits: z.strictObject({
    /** Largest gRPC message, in bytes. */
    message_bytes: bytes,
    /** Fields in one message, those of messages in it included: each becomes an object, of however few bytes. */
    message_fields: count,
    /** Typed values in one message; raw blocks have no such limit. */
    message_numbers: count,
    /** Elements of datatype BYTES in one message for a tensor model: each becomes an object, of however few bytes. */
    message_strings: count,
    image_pixels: count,
    /** Along the longer side: decoders work by rows, and 40 million rows of one pixel take seconds. */
    image_side: count,
    /** Deadline of a call that has none. */
    default_deadline_ms: ms(600_000).min(1),
  }),
  /** Refusing early what cannot be answered in time; docs/inference.md explains it. */
  admission: z.strictObject({
    /** Share of itself by which an estimated run time may be too long before anything is refused for it. */
    estimate_margin: z.number().min(0).max(0.9),
    /** A batch that waits for company starts so long before a run could end too late for one of its deadlines. */
    answer_reserve_ms: ms(60_000),
    /** An estimate that no run confirmed for so long is put to the test by letting one call in. */
    estimate_max_age_ms: ms(3_600_000).min(1),
    adaptive_limit: z.strictObject({
      /** false: only max_queue_size limits what waits. */
      enabled: z.boolean(),
      /** Share of the callers' time budgets that answers should take on average at most. */
      target_share: z.number().min(0.05).max(1),
      /** The limit changes at most once in so many ms. */
      window_ms: ms(60_000).min(1),
    }),
  }),
  cache: z.strictObject({
    /** Model name → its response cache; a model that is not named here has none. */
    models: z.record(z.string(), cacheSchema),
  }),
  drain: z.strictObject({ delay_ms: ms(120_000), timeout_ms: ms(600_000) }),
  connection: z.strictObject({
    /** Clients are asked to reconnect after this age, so that new pods get their share (decision 0008). */
    max_age_ms: ms(86_400_000).min(1000),
    max_age_grace_ms: ms(600_000).min(1),
  }),
});

const dependency = (timeoutMs: number) => group({ timeout_ms: ms(600_000).min(1).default(timeoutMs) });

const layersSchema = z.strictObject({
  environment: z.enum(['dev', 'staging', 'production']),
  listen: group({
    host: path.default('127.0.0.1').describe('Address of the public listeners.'),
    internal_host: path.default('127.0.0.1').describe('Address of the internal ones (admin, metrics, gRPC).'),
    port_base: z
      .number()
      .int()
      .min(1024)
      .max(65_000)
      .default(8440)
      .describe('Each listener has a port at a fixed distance from it: HTTPS +3.'),
  }),
  routing_file: path.default('state/routing.yaml').describe('Routing table (decision 0015).'),
  dependencies: group({
    redis: dependency(100).describe('Redis; each request waits for it.'),
    jwks: dependency(1500).describe(
      'An issuer of bearer tokens, for its keys; asked twice before it counts as down.',
    ),
    database: dependency(10_000).describe('The store of records or of audit records.'),
  }).describe('How long one call of a remote part may take (docs/operations.md).'),
  gateway: gatewaySchema,
  inference: inferenceSchema,
  records: recordsSchema,
  capture: captureSchema,
  audit: auditSchema,
  envoy: envoySchema,
  telemetry: telemetrySchema,
});

/** The whole configuration. */
export const configSchema = layersSchema.superRefine(checkRules);

/** Each key is right by itself. */
export type Unchecked = z.infer<typeof layersSchema>;
export type Config = z.infer<typeof configSchema>;
export type GatewayConfig = Config['gateway'];
export type { OidcConfig, OidcIssuer } from './oidc.ts';
export type { FailureMode, Limit, QuotaConfig, QuotaUnit, RateLimitConfig, Tier } from './rate-limit.ts';
export type AuditConfig = Config['audit'];
export type { CaptureConfig } from './capture.ts';
export type InferenceConfig = Config['inference'];
export type EnvoyConfig = Config['envoy'];
export type TelemetryConfig = Config['telemetry'];
