/** Names that cross a process boundary, written once: HTTP headers, gRPC metadata keys, metrics, spans, services. */

/** HTTP headers, lower case as they arrive. */
export const HEADER = {
  apiKey: 'x-api-key',
  requestId: 'x-request-id',
  /** Of an answer: the trace that its request belongs to, also where none is sampled. */
  traceId: 'x-trace-id',
  /** Remaining time that the caller grants, in ms. */
  timeoutMs: 'x-headgate-timeout-ms',
  /** Stable unit of an experiment: a user, a device, a tenant. Hashed before it is stored anywhere. */
  unit: 'x-headgate-unit',
  traceparent: 'traceparent',
  tracestate: 'tracestate',
  forwardedFor: 'x-forwarded-for',
  /** Shows that a request comes from a process of ours (runtime/src/internal-secret.ts); gRPC metadata has it too. */
  internalSecret: 'x-headgate-internal-secret',
  rateLimit: 'ratelimit',
  rateLimitPolicy: 'ratelimit-policy',
  retryAfter: 'retry-after',
  /** Binary tensor extension: bytes of JSON at the begin of the body; raw blocks follow. */
  inferenceHeaderLength: 'inference-header-content-length',
} as const;

/**
 * What every answer says to browsers and caches: take the content type as it is, run and frame nothing, keep nothing.
 * An answer is about one caller's photo, and none of them is a page (the one that is says so itself).
 */
export const PROTECTIVE_HEADERS = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
} as const;

/** Keys of gRPC metadata, lower case. */
export const METADATA = {
  requestId: 'x-request-id',
  /** `ID/INDEX`: what the answer of the gateway is known by, and which of its images this is. For logs and spans. */
  prediction: 'x-headgate-prediction',
  variant: 'x-headgate-variant',
  /** Opaque id of the tenant whom an answer is for: nobody else gets it from a cache. The gateway sets it. */
  tenant: 'x-headgate-tenant',
  /** What Envoy says about the client certificate of a caller; no caller can set it through Envoy. */
  clientCertificate: 'x-forwarded-client-cert',
  traceparent: 'traceparent',
  /** Trailer: one of `REASONS`. */
  reason: 'headgate-reason',
  /** Trailer: when to try again, in ms. */
  retryAfterMs: 'retry-after-ms',
} as const;

/** Parameters of a message of ModelStreamInfer: what is metadata and status of a unary call. */
export const STREAM = {
  /** int64: remaining time in ms. */
  deadlineMs: 'headgate_deadline_ms',
  requestId: 'headgate_request_id',
  /** As in METADATA. */
  prediction: 'headgate_prediction',
  variant: 'headgate_variant',
  tenant: 'headgate_tenant',
  traceparent: 'traceparent',
  /** bool: true cancels the call of this id. */
  cancel: 'headgate_cancel',
  /** Answer, string: one of `REASONS`. */
  reason: 'headgate_reason',
  /** Answer, int64: when to try again, in ms. */
  retryAfterMs: 'headgate_retry_after_ms',
} as const;

/**
 * Parameter of a request, bool: no caller waits for the answer. Inference refuses the request while another item waits,
 * and answers it from no cache. Only the gateway sets it, for copies of requests (decision 0102).
 */
export const BACKGROUND_PARAMETER = 'headgate_background';

/** Names of Prometheus metrics. Durations are in seconds, as Prometheus wants them. */
export const METRIC = {
  httpRequests: 'headgate_http_requests_total',
  httpDuration: 'headgate_http_request_duration_seconds',
  httpInFlight: 'headgate_http_requests_in_flight',
  httpBodyBytes: 'headgate_http_request_body_bytes',
  predictions: 'headgate_predictions_total',
  predictionDuration: 'headgate_prediction_duration_seconds',
  shedRequests: 'headgate_shed_requests_total',
  variantFallbacks: 'headgate_variant_fallbacks_total',
  parkedRequests: 'headgate_parked_requests',
  parkedTotal: 'headgate_parked_requests_total',
  parkedDuration: 'headgate_parked_request_duration_seconds',
  rateLimited: 'headgate_rate_limited_total',
  quotaMode: 'headgate_quota_mode',
  quotaStoreFailures: 'headgate_quota_store_failures_total',
  authFailures: 'headgate_auth_failures_total',
  lockedAddresses: 'headgate_auth_locked_addresses',
  tokenRefusals: 'headgate_oidc_token_refusals_total',
  oidcKeyLoads: 'headgate_oidc_key_loads_total',
  oidcKeys: 'headgate_oidc_keys',
  oidcKeysAge: 'headgate_oidc_keys_age_seconds',
  keyLastUsed: 'headgate_key_last_used_timestamp_seconds',
  breakerState: 'headgate_breaker_state',
  breakerTransitions: 'headgate_breaker_transitions_total',
  retries: 'headgate_retries_total',
  routingReloads: 'headgate_routing_reloads_total',
  routingStale: 'headgate_routing_stale',
  routingSourceAge: 'headgate_routing_source_age_seconds',
  routingGeneration: 'headgate_routing_generation',
  routingWeight: 'headgate_routing_weight',
  recordsWritten: 'headgate_records_written_total',
  recordsDropped: 'headgate_records_dropped_total',
  recordsShipped: 'headgate_records_shipped_total',
  shipFailures: 'headgate_records_delivery_failures_total',
  sinkDown: 'headgate_records_sink_down',
  spoolBytes: 'headgate_records_spool_bytes',
  spoolLimit: 'headgate_records_spool_limit_bytes',
  spoolUndelivered: 'headgate_records_undelivered_items',
  shadowImages: 'headgate_shadow_images_total',
  shadowQueueItems: 'headgate_shadow_queue_items',
  shadowQueueBytes: 'headgate_shadow_queue_bytes',
  captures: 'headgate_captures_total',
  captureQueueBytes: 'headgate_capture_queue_bytes',
  captureExpiryFailures: 'headgate_capture_expiry_failures_total',
  auditWritten: 'headgate_audit_records_total',
  auditDropped: 'headgate_audit_records_dropped_total',
  auditBytes: 'headgate_audit_log_bytes',
  auditLimit: 'headgate_audit_log_limit_bytes',
  auditStored: 'headgate_audit_stored_records',
  auditUnstored: 'headgate_audit_unstored_records',
  auditAnchorFailures: 'headgate_audit_anchor_failures_total',
  versionReady: 'headgate_model_version_ready',
  modelReadySince: 'headgate_model_ready_timestamp_seconds',
  modelManifest: 'headgate_model_manifest_info',
  inferRequests: 'headgate_inference_requests_total',
  inferDuration: 'headgate_inference_request_duration_seconds',
  refusalDuration: 'headgate_inference_refusal_duration_seconds',
  stageDuration: 'headgate_inference_stage_duration_seconds',
  batchSize: 'headgate_inference_batch_size',
  batches: 'headgate_inference_batches_total',
  cacheRequests: 'headgate_cache_requests_total',
  cacheBytes: 'headgate_cache_bytes',
  cacheEntries: 'headgate_cache_entries',
  cacheEvictions: 'headgate_cache_evictions_total',
  queueDepth: 'headgate_inference_queue_items',
  inFlight: 'headgate_inference_in_flight_items',
  inFlightLimit: 'headgate_inference_in_flight_limit_items',
  engineRestarts: 'headgate_engine_restarts_total',
  engineRestartPause: 'headgate_engine_restart_pause_seconds',
  engineRecycles: 'headgate_engine_recycles_total',
  engineOutOfMemory: 'headgate_engine_out_of_memory_total',
  engineMaxBatchSize: 'headgate_engine_max_batch_size',
  engineProvider: 'headgate_engine_provider_info',
  engineMemory: 'headgate_engine_resident_memory_bytes',
  engineReady: 'headgate_engine_ready',
  leader: 'headgate_control_leader',
  rolloutState: 'headgate_rollout_state',
  rolloutWeight: 'headgate_rollout_weight',
  rolloutTransitions: 'headgate_rollout_transitions_total',
  rolloutEvidence: 'headgate_rollout_evidence_value',
  rolloutLimit: 'headgate_rollout_evidence_limit',
  rolloutVerdict: 'headgate_rollout_guardrail',
  scalings: 'headgate_pool_scalings_total',
  coldStart: 'headgate_cold_start_seconds',
  modelLoadFailures: 'headgate_model_load_failures_total',
  modelChangedOnDisk: 'headgate_model_changed_on_disk',
} as const;

/** Names under which Triton exports what inference counts too; its dashboards ask for them. */
export const TRITON_METRIC = {
  requestSuccess: 'nv_inference_request_success',
  requestFailure: 'nv_inference_request_failure',
  count: 'nv_inference_count',
  execCount: 'nv_inference_exec_count',
  pending: 'nv_inference_pending_request_count',
  requestDuration: 'nv_inference_request_duration_us',
  queueDuration: 'nv_inference_queue_duration_us',
  inputDuration: 'nv_inference_compute_input_duration_us',
  inferDuration: 'nv_inference_compute_infer_duration_us',
  outputDuration: 'nv_inference_compute_output_duration_us',
  cacheHits: 'nv_cache_num_hits_per_model',
  cacheMisses: 'nv_cache_num_misses_per_model',
  cacheHitDuration: 'nv_cache_hit_duration_per_model',
  cacheMissDuration: 'nv_cache_miss_duration_per_model',
} as const;

/** Names of OpenTelemetry spans and attributes. */
export const SPAN = {
  request: 'headgate.request',
  predict: 'headgate.predict',
  infer: 'headgate.infer',
  batch: 'headgate.batch',
} as const;

export const ATTRIBUTE = {
  requestId: 'headgate.request_id',
  predictionId: 'headgate.prediction_id',
  /** Of an image in its request. */
  index: 'headgate.index',
  route: 'http.route',
  model: 'headgate.model',
  version: 'headgate.version',
  variant: 'headgate.variant',
  batchSize: 'headgate.batch_size',
  reason: 'headgate.reason',
} as const;

/** Name under which a model version is registered in grpc.health.v1. */
export function healthServiceName(model: string, version: string): string {
  return `${model}/${version}`;
}

/** gRPC service of the Open Inference Protocol. */
export const INFERENCE_SERVICE = 'inference.GRPCInferenceService';

/** Listeners are offsets from one base port (8440 by default). */
export const PORT_OFFSET = {
  httpRedirect: 0,
  gateway: 1,
  gatewayInternal: 2,
  https: 3,
  inferenceGrpc: 4,
  inferenceInternal: 5,
  internalGrpcMtls: 6,
  control: 7,
  envoyInternal: 8,
  externalMetrics: 9,
} as const;

export type Listener = keyof typeof PORT_OFFSET;

/** The port of a listener. */
export function portOf(portBase: number, listener: Listener): number {
  return portBase + PORT_OFFSET[listener];
}

/** host:port as URLs and gRPC write it. */
export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** host:port of an internal listener of the parts on this machine. */
export function internalAddress({ internal_host, port_base }: InternalListen, listener: Listener): string {
  return hostPort(internal_host, portOf(port_base, listener));
}

interface InternalListen {
  readonly internal_host: string;
  readonly port_base: number;
}

/** Label value for every name that is not configured, so that junk names cannot mint metric series (decision 0010). */
export const OTHER = 'other';
