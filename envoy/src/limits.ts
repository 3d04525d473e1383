import type { Config } from '@headgate/contracts/config/schema';
import { refusedBodyBytes } from '@headgate/contracts/limits';

/** Numbers that protect Envoy and are not an operator's business, each with its reason, and the unit helper. */

const KIB = 1024;

/** A duration as Envoy reads it: 250 → "0.25s". */
export function duration(ms: number): string {
  return `${ms / 1000}s`;
}

/**
 * Bytes buffered per connection and direction before Envoy stops reading. Bodies stream through, so this bounds
 * memory, not uploads: 256 KiB keeps a 10 MiB upload moving, where 32 KiB (the edge guide's value) stalls it at
 * every read.
 */
export const CONNECTION_BUFFER_BYTES = 256 * KIB;

/** HTTP/2 towards clients. A 256 KiB window sends 10 MiB in 2 s at 50 ms round trip; 64 KiB would need 8 s. */
export const HTTP2_DOWNSTREAM = {
  max_concurrent_streams: 100,
  initial_stream_window_size: 256 * KIB,
  initial_connection_window_size: KIB * KIB,
} as const;

/** HTTP/2 towards inference: few connections, large tensors, a short way. */
export const HTTP2_UPSTREAM = {
  max_concurrent_streams: 1000,
  initial_stream_window_size: KIB * KIB,
  initial_connection_window_size: 4 * KIB * KIB,
} as const;

/** A load balancer sends the header of the PROXY protocol at once. */
export const PROXY_HEADER_MS = 5000;

/** On top of the largest gRPC message: inference knows the length from the first frame and answers first. */
export const GRPC_SLACK_BYTES = 64 * KIB;

export const MAX_HEADERS = 100;

/** A client has this long for the TLS handshake, and again for its request headers. */
export const TLS_HANDSHAKE_MS = 10_000;
export const REQUEST_HEADERS_MS = 10_000;

/** The redirect answers from memory; nobody needs to linger there. */
export const REDIRECT_IDLE_MS = 10_000;

/** The ACME client answers a challenge from memory or from a file of a line. */
export const CHALLENGE_MS = 5000;

/** Kubelet, Prometheus and a person with curl. */
export const PROBE_CONNECTIONS = 100;

/** The admin page answers in milliseconds, or Envoy hangs or is gone. */
export const ADMIN_MS = 2000;

export const UPSTREAM_CONNECT_MS = 1000;

/** Connections to the gateways, and again to inference; Envoy's silent default of 1024 would be a surprise. */
export const UPSTREAM_MAX_CONNECTIONS = 1024;

/** Idle connections of clients and probes: a client that only holds one open must renew it each minute. */
export const PUBLIC_IDLE_MS = 60_000;

/** Idle connections of a load balancer, which keeps them itself, for up to 10 minutes: it must close them first. */
export const BALANCER_IDLE_MS = 650_000;

/** Idle connections of internal services. */
export const INTERNAL_IDLE_MS = 300_000;

/**
 * Shares that a listener divides its connections into (decision 0068). More of them protect more strangers, and each
 * costs 0.2 MB.
 */
export const SHARES = { public: 32, minor: 8 } as const;

/** Envoy gives up a sixth later than the gateway's longest deadline, so that the gateway answers first. */
export function requestTimeoutMs({ gateway }: Config): number {
  return Math.ceil((gateway.deadline.max_ms * 7) / 6);
}

/** More than the gateway reads of a body that it refuses, so that the gateway answers first. */
export function maxBodyBytes({ gateway }: Config): number {
  return refusedBodyBytes(gateway.limits) + KIB * KIB;
}

export const INFERENCE_IDLE_MS = 300_000;

/** A health Watch and a stream of inference stay open, also quiet; cut after an hour, their clients open them again. */
export const LONG_STREAM_MS = 3_600_000;

/** Retries that may be in progress at once, per cluster: enough for a pod that goes away, no retry storm. */
export const MAX_RETRIES = 32;

/** Share of `max_connections` that each of the two minor listeners may hold. */
const MINOR_LISTENER_SHARE = 0.1;

export function minorListenerConnections(maxConnections: number): number {
  return Math.max(1, Math.ceil(maxConnections * MINOR_LISTENER_SHARE));
}

/** Ceiling of the process: the sum of the listeners' ceilings, so that none of them can starve another. */
export function processConnections(maxConnections: number): number {
  return maxConnections + 2 * minorListenerConnections(maxConnections);
}

/** Fractions of the heap at which the overload manager acts. */
export const HEAP = { shrink: 0.95, stopRequests: 0.98 } as const;

/**
 * Envoy counts and logs a thread that stays silent for this time. Threads report at half of the first time: with
 * Envoy's default of 200 ms that is four fifths of what an idle Envoy does.
 */
export const WATCHDOG = { miss_timeout: duration(5000), megamiss_timeout: duration(10_000) } as const;
