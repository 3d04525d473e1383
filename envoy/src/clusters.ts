import { isIP } from 'node:net';
import type { Config } from '@headgate/contracts/config/schema';
import { IDLE_MS } from '@headgate/contracts/limits';
import { internalAddress, PORT_OFFSET } from '@headgate/contracts/names';
import { adminSocket } from './admin.ts';
import { pack } from './any.ts';
import type { CircuitBreakers } from './gen/envoy/config/cluster/v3/circuit_breaker.ts';
import type { Cluster } from './gen/envoy/config/cluster/v3/cluster.ts';
import type { OutlierDetection } from './gen/envoy/config/cluster/v3/outlier_detection.ts';
import type { Address } from './gen/envoy/config/core/v3/address.ts';
import type { LocalityLbEndpoints } from './gen/envoy/config/endpoint/v3/endpoint_components.ts';
import type { RetryPolicy } from './gen/envoy/config/route/v3/route_components.ts';
import type { HttpProtocolOptions } from './gen/envoy/extensions/upstreams/http/v3/http_protocol_options.ts';
import {
  CONNECTION_BUFFER_BYTES,
  duration,
  HTTP2_UPSTREAM,
  INFERENCE_IDLE_MS,
  MAX_RETRIES,
  UPSTREAM_CONNECT_MS,
  UPSTREAM_MAX_CONNECTIONS,
} from './limits.ts';
import { CLUSTER } from './names.ts';

/** The gateway, over HTTP/1.1: Node serves it with less work than HTTP/2, and there is no head-of-line blocking. */
export function gatewayCluster(config: Config): Cluster {
  return cluster(config, {
    name: CLUSTER.gateway,
    target: config.envoy.gateway_target || internalAddress(config.listen, 'gateway'),
    canary: config.envoy.gateway_target && config.envoy.gateway_canary_target,
    protocol: {
      // Envoy closes an idle connection before Node does, or it would send requests into a closing one (decision 0009).
      common_http_protocol_options: { idle_timeout: duration(IDLE_MS.envoyUpstream) },
      explicit_http_config: { http_protocol_options: {} },
    },
    alive: { path: '/livez', portOffset: PORT_OFFSET.gatewayInternal - PORT_OFFSET.gateway },
  });
}

/** Inference, over HTTP/2, for callers of the internal listener. */
export function inferenceCluster(config: Config): Cluster {
  return cluster(config, {
    name: CLUSTER.inference,
    target: config.envoy.inference_target || internalAddress(config.listen, 'inferenceGrpc'),
    protocol: {
      common_http_protocol_options: { idle_timeout: duration(INFERENCE_IDLE_MS) },
      explicit_http_config: {
        http2_protocol_options: {
          ...HTTP2_UPSTREAM,
          // Finds a peer that went away without a word.
          connection_keepalive: { interval: duration(30_000), timeout: duration(5000) },
        },
      },
    },
  });
}

/** The ACME client, which listens only while it is asked to prove that a name is ours. */
export function acmeCluster(config: Config): Cluster {
  return cluster(config, {
    name: CLUSTER.acme,
    target: config.envoy.acme_challenge_target,
    protocol: { explicit_http_config: { http_protocol_options: {} } },
  });
}

/**
 * cert-manager starts a pod for each name of a certificate, and each answers 404 for the other names. A retry opens a new
 * connection, for which the Service of Kubernetes chooses again: with 20 retries, one of 5,000 questions about three names
 * proven at once misses its pod.
 */
export function challengeRetries(): RetryPolicy {
  return {
    retry_on: 'retriable-status-codes',
    retriable_status_codes: [404],
    num_retries: 20,
    retry_back_off: { base_interval: duration(1), max_interval: duration(10) },
  };
}

/** Envoy's own admin page. */
export function adminCluster(config: Config, root: string): Cluster {
  return cluster(config, {
    name: CLUSTER.admin,
    target: { pipe: { path: adminSocket(config, root) } },
    protocol: { explicit_http_config: { http_protocol_options: {} } },
  });
}

/** Only what never reached the other side is sent again. */
export function safeRetries(): RetryPolicy {
  return {
    retry_on: 'connect-failure,refused-stream,reset-before-request',
    num_retries: 2,
    retry_back_off: { base_interval: duration(25), max_interval: duration(250) },
    retry_host_predicate: [
      {
        name: 'envoy.retry_host_predicates.previous_hosts',
        typed_config: pack('envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate', {}),
      },
    ],
    // The balancer prefers addresses without requests, which those of a lost machine are.
    host_selection_retry_max_attempts: 20,
  };
}

/**
 * Predictions that were cut are sent again too: one that runs twice changes nothing but its quota, and at most leaves a
 * record that nobody got the answer of.
 */
export function predictionRetries(): RetryPolicy {
  return { ...safeRetries(), retry_on: 'reset' };
}

interface ClusterOptions {
  readonly name: string;
  /** host:port or [IPv6]:port, or a unix socket. */
  readonly target: string | Address;
  readonly protocol: HttpProtocolOptions;
  /** Gateways of another image, which get `CANARY_PERCENT` of the requests while one of them is ready. */
  readonly canary?: string;
  /** Page that each address of a name is asked for, on a port next to that of the target. */
  readonly alive?: { readonly path: string; readonly portOffset: number };
}

/** Few enough that a faulty image is noticed before many callers are. */
const CANARY_PERCENT = 10;

function cluster(config: Config, { name, target, canary, protocol, alive }: ClusterOptions): Cluster {
  const address = typeof target === 'string' ? socketAddress(target) : target;
  const host = address.socket_address?.address;
  const byName = host !== undefined && isIP(host) === 0;
  const portOffset = byName ? alive?.portOffset : undefined;
  return {
    name,
    type: byName ? 'STRICT_DNS' : 'STATIC',
    common_lb_config: {
      // By default the addresses that are out get requests again as soon as half of all are.
      ...(byName && { healthy_panic_threshold: { value: 1 } }),
      ...(canary && { locality_weighted_lb_config: {} }),
    },
    ...(portOffset && alive && healthChecks(alive.path)),
    dns_lookup_family: 'V4_PREFERRED',
    lb_policy: 'LEAST_REQUEST',
    connect_timeout: duration(UPSTREAM_CONNECT_MS),
    per_connection_buffer_limit_bytes: CONNECTION_BUFFER_BYTES,
    ...(byName && { ...silentPeers(), outlier_detection: unreachable() }),
    circuit_breakers: circuitBreakers(config),
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': pack(
        'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        protocol,
      ),
    },
    load_assignment: {
      cluster_name: name,
      // By default degraded addresses get a share as soon as 29 % of all are missing.
      policy: { overprovisioning_factor: 10_000 },
      endpoints: canary
        ? [
            { ...addresses(address, portOffset), ...share('stable', 100 - CANARY_PERCENT) },
            { ...addresses(socketAddress(canary), portOffset), ...share('canary', CANARY_PERCENT) },
          ]
        : [addresses(address, portOffset)],
    },
  };
}

function addresses(address: Address, portOffset: number | undefined): LocalityLbEndpoints {
  const port_value = (address.socket_address?.port_value ?? 0) + (portOffset ?? 0);
  const health_check_config = portOffset === undefined ? undefined : { port_value };
  return { lb_endpoints: [{ endpoint: { address, ...(health_check_config && { health_check_config }) } }] };
}

/** A locality without a ready address gets nothing, whatever its weight. */
const share = (sub_zone: string, load_balancing_weight: number): LocalityLbEndpoints => ({
  locality: { sub_zone },
  load_balancing_weight,
});

/**
 * DNS names a machine that has lost its power until Kubernetes notices, and a pod that drains for some seconds more. A
 * gateway that is alive but not ready says `x-envoy-degraded`, and gets requests only while none is ready. While none is
 * alive, all are tried.
 */
function healthChecks(path: string): Partial<Cluster> {
  return {
    health_checks: [
      {
        timeout: duration(1000),
        interval: duration(1000),
        // Otherwise a minute, until the first request.
        no_traffic_interval: duration(1000),
        unhealthy_threshold: 2,
        healthy_threshold: 1,
        http_health_check: { path },
      },
    ],
  };
}

/**
 * An address that reset, or did not accept, two requests in a row gets no more for a second, sooner than its health check
 * fails twice. Its answers do not count, whatever their status.
 */
function unreachable(): OutlierDetection {
  return {
    split_external_local_origin_errors: true,
    consecutive_local_origin_failure: 2,
    interval: duration(1000),
    base_ejection_time: duration(1000),
    max_ejection_time: duration(1000),
    max_ejection_percent: 100,
    successful_active_health_check_uneject_host: false,
    enforcing_consecutive_5xx: 0,
    enforcing_success_rate: 0,
    enforcing_local_origin_success_rate: 0,
  };
}

/** Of setsockopt(2) on Linux: IPPROTO_TCP, TCP_USER_TIMEOUT. */
const TCP_USER_TIMEOUT = { level: 6, name: 18 };
const UNACKNOWLEDGED_MS = 2000;

/**
 * A machine that has lost its power resets nothing: without this, requests on kept connections to it wait for their
 * timeout. The first option covers bytes that it does not acknowledge, keep-alive those that it did before.
 */
function silentPeers(): Partial<Cluster> {
  const option = { ...TCP_USER_TIMEOUT, int_value: UNACKNOWLEDGED_MS, state: 'STATE_PREBIND' } as const;
  return {
    upstream_bind_config: { socket_options: [option] },
    upstream_connection_options: {
      tcp_keepalive: { keepalive_time: 1, keepalive_interval: 1 },
    },
  };
}

function socketAddress(target: string): Address {
  const [, address = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(target) ?? [];
  return { socket_address: { address, port_value: Number(port) } };
}

/** Explicit ceilings; no more requests wait for a connection than can have one. */
function circuitBreakers({ envoy }: Config): CircuitBreakers {
  return {
    thresholds: [
      {
        max_connections: UPSTREAM_MAX_CONNECTIONS,
        max_pending_requests: UPSTREAM_MAX_CONNECTIONS,
        max_requests: envoy.upstream_max_requests,
        max_retries: MAX_RETRIES,
        track_remaining: true,
      },
    ],
  };
}
