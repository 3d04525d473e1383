import { z } from 'zod';
import { auditSchema } from './audit.ts';
import { captureSchema } from './capture.ts';
import { oidcSchema } from './oidc.ts';
import { rateLimitSchema } from './rate-limit.ts';
import { recordsSchema } from './records.ts';
import { checkRules } from './rules.ts';
import { group, secret, target } from './values.ts';

/**
 * Everything that an operator may change, as one schema: `config/base.yaml`, then `config/<environment>.yaml`,
 * then environment variables `HEADGATE_<PATH>` with `__` between the levels. Keys end in their unit.
 * Unknown keys are errors: a typo must not silently keep a default.
 */

const ms = (max: number) => z.number().int().min(0).max(max);
const bytes = z.number().int().min(1);
const count = z.number().int().min(1);

const gatewaySchema = z.strictObject({
  /** Directory-relative path of the hashed key records (contracts/src/keys.ts). */
  keys_file: z.string().min(1),
  /** Issuers of bearer tokens that are accepted besides keys. */
  oidc: oidcSchema,
  /** Proxies whose X-Forwarded-For is believed, as CIDR. */
  trusted_proxies: z.array(z.string().min(1)),
  /** Serve /openapi.json and /docs on the public port too. */
  docs_public: z.boolean(),
  deadline: z.strictObject({
    /** Budget of a request whose caller names none. */
    default_ms: ms(600_000).min(1),
    /** Ceiling of X-Headgate-Timeout-Ms. */
    max_ms: ms(600_000).min(1),
    /** The body must have arrived by then; earlier than the request's own deadline. */
    upload_ms: ms(600_000).min(1),
  }),
  limits: z.strictObject({
    body_bytes: bytes,
    /** Most JSON in a tensor request under /v2; the raw blocks behind it count as body alone. */
    json_bytes: bytes,
    image_pixels: count,
    /** Along the longer side: decoders work by rows, and 40 million rows of one pixel take seconds. */
    image_side: count,
    /** Most bytes of an image that are neither pixels nor needed to read them: EXIF, XMP, colour profiles, comments. */
    image_metadata_bytes: bytes,
    /** Frames of an animated PNG or WebP, of which the first one counts; 1 refuses animations. */
    image_frames: count,
    images_per_request: count,
    header_bytes: bytes,
    /** Requests in progress at once; more are refused as overloaded. */
    in_flight: count,
  }),
  /** Refusing in place of an overloaded model version, before the body is read; docs/inference.md explains it. */
  shedding: z.strictObject({
    /** Answers of inference that are looked back on; in an eighth to a quarter of it the end of an overload is noticed. */
    window_ms: ms(60_000).min(100),
    /** Requests sent on per request that inference takes; what comes beyond is refused by the gateway. */
    sent_per_accepted: z.number().min(1.01).max(10),
    /** Largest share of requests that the gateway refuses by itself; 0: none. */
    max_share: z.number().min(0).max(0.99),
  }),
  /** Letting the body of a refused request pass by before the answer goes out; docs/edge.md explains it. */
  lingering: z.strictObject({
    /** Answers that may wait at once; more go out at once. 0: all do. */
    requests: z.number().int().min(0),
    /** Longest wait of one answer. */
    time_ms: ms(600_000).min(1),
    /** An answer waits no longer when nothing of the body has arrived for so long. */
    pause_ms: ms(600_000).min(1),
  }),
  keep_alive: z.strictObject({
    /** Must be longer than Envoy's upstream idle timeout (decision D9). */
    timeout_ms: ms(600_000).min(1),
    /** Must be longer than timeout_ms. */
    headers_timeout_ms: ms(600_000).min(1),
  }),
  drain: z.strictObject({
    /** Time between "not ready" and closing the listener, for load balancers to notice. */
    delay_ms: ms(120_000),
    /** Requests still running after that are cut. */
    timeout_ms: ms(600_000),
  }),
  rate_limit: rateLimitSchema,
  upstream: z.strictObject({
    /** host:port, dns:///name:port or ip:port,ip:port of the inference pods; empty = the local inference process. */
    target: z.string(),
    /** HTTP/2 connections per gateway. */
    /** How often the readiness of the served versions is asked of every endpoint. */
    readiness_interval_ms: ms(60_000).min(50),
    /**
     * A process that is busy may answer late, one that hangs never does. Longer than an interval, so that a loaded
     * machine is not taken for a dead one; a process that ended refuses the connection at once anyway.
     */
    readiness_timeout_ms: ms(60_000).min(50),
    /** How often the name is resolved again. */
    resolve_interval_ms: ms(600_000).min(100),
    retry: z.strictObject({
      /** Send a prediction that met UNAVAILABLE once more, to another endpoint where there is one. */
      enabled: z.boolean(),
      /** Less of the deadline than that is no time for a second attempt. */
      min_remaining_ms: ms(600_000).min(1),
      budget: z.strictObject({ share: z.number(), min_retries: z.number(), window_ms: z.number() }),
    }),
  }),
});

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
   * routing: the routing table alone decides what is served (decision D15), and requests to load or unload models
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
    /** Clients are asked to reconnect after this age, so that new pods get their share (decision D8). */
    max_age_ms: ms(86_400_000).min(1000),
    max_age_grace_ms: ms(600_000).min(1),
  }),
});

const envoySchema = z.strictObject({
  /** Names in the server certificate made at setup, and accepted as Host. */
  server_names: z.array(z.string().min(1)).min(1),
  /** Directory with the certificates of the public listener (tls.crt, tls.key). */
  tls_dir: z.string().min(1),
  /** Directory with the internal CA, server and client certificates of the mTLS listener. */
  internal_tls_dir: z.string().min(1),
  /** host:port of the gateway and of inference; empty = the local process. Names are resolved again and again. */
  gateway_target: target,
  inference_target: target,
  /** host:port of the ACME client while it answers HTTP-01 challenges; empty = none reach anybody (docs/edge.md). */
  acme_challenge_target: target,
  /** Port that the HTTP redirect names, where a load balancer maps it; 0 = the HTTPS listener's own. */
  redirect_port: z.number().int().min(0).max(65_535),
  /** Largest request body: the gateway's limit plus room for multipart framing. */
  body_bytes: bytes,
  header_kib: count.max(96),
  /** Connections per listener. */
  max_connections: count,
  /** Ceilings of the circuit breakers; Envoy's silent default of 1024 would be a surprise. */
  upstream_max_requests: count,
  upstream_max_connections: count,
  /** Must be shorter than gateway.keep_alive.timeout_ms (decision D9). */
  upstream_idle_timeout_ms: ms(600_000).min(1),
  request_timeout_ms: ms(600_000).min(1),
  downstream_idle_timeout_ms: ms(3_600_000).min(1),
  /** Requests per second that one Envoy lets through, whoever sends them. */
  local_rate_per_s: count,
  /** Fixed heap for the overload manager. */
  heap_bytes: bytes,
  concurrency: count.max(256),
});

const telemetrySchema = z.strictObject({
  log_level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']),
  tracing: z.strictObject({
    /** none: no SDK is loaded; trace ids still travel. */
    exporter: z.enum(['none', 'otlp', 'zipkin']),
    /** URL of the collector. */
    endpoint: z.string(),
    /** Share of new traces that are sampled, 0 to 1; a caller's decision is honoured. */
    sample_ratio: z.number().min(0).max(1),
    authorization: secret('Value of an Authorization header for the collector.'),
  }),
});

const dependency = (timeoutMs: number) => group({ timeout_ms: ms(600_000).min(1).default(timeoutMs) });

const layersSchema = z.strictObject({
  environment: z.enum(['dev', 'staging', 'production']),
  listen: z.strictObject({
    /** Address of the public listeners. Internal ones (admin, metrics) follow internal_host. */
    host: z.string().min(1),
    internal_host: z.string().min(1),
    port_base: z.number().int().min(1024).max(65_000),
  }),
  /** Routing table file (decision D15). */
  routing_file: z.string().min(1),
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
