import type { Config } from '@headgate/contracts/config/schema';
import { HEADER_KIB } from '@headgate/contracts/limits';
import { HEADER, METADATA } from '@headgate/contracts/names';
import { pack } from './any.ts';
import type { HeaderValueOption } from './gen/envoy/config/core/v3/base.ts';
import type { TypedExtensionConfig } from './gen/envoy/config/core/v3/extension.ts';
import type { Http1ProtocolOptions } from './gen/envoy/config/core/v3/protocol.ts';
import type { Filter } from './gen/envoy/config/listener/v3/listener_components.ts';
import type { RouteConfiguration } from './gen/envoy/config/route/v3/route.ts';
import type {
  HttpConnectionManager,
  HttpFilter,
} from './gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts';
import type { StringMatcher } from './gen/envoy/type/matcher/v3/string.ts';
import { duration, HTTP2_DOWNSTREAM, MAX_HEADERS, REQUEST_HEADERS_MS, requestTimeoutMs } from './limits.ts';
import { header } from './local-replies.ts';
import { SECRET_VARIABLE } from './process.ts';

/** What differs between listeners; everything else is the same strict edge. */
export type ManagerOptions = Required<
  Pick<HttpConnectionManager, 'stat_prefix' | 'codec_type' | 'access_log' | 'local_reply_config'>
> &
  Pick<HttpConnectionManager, 'forward_client_cert_details' | 'set_current_client_cert_details'> & {
    readonly idleMs: number;
    /** Proxies in front whose entries in X-Forwarded-For are believed. */
    readonly trustedHops?: number;
    readonly routes: RouteConfiguration;
    /** In order; the router is added as the last one. */
    readonly filters: readonly HttpFilter[];
  };

/** Headers that only Envoy or the gateway may set. X-Forwarded-For is overwritten by `forwardedFor`. */
const NOT_FROM_CLIENTS = [
  'forwarded',
  'x-real-ip',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-original-url',
  'x-rewrite-url',
  METADATA.prediction,
  METADATA.variant,
  METADATA.tenant,
  HEADER.internalSecret,
] as const;

/** No client has it. An empty list would mean Envoy's default: private ranges and loopback. */
const NO_ADDRESS = { address_prefix: '255.255.255.255', prefix_len: 32 };

/**
 * An upgrade is an offer that a server may ignore (RFC 9110, 7.8): Envoy would refuse the request. Newer than the
 * protos that the typings are generated from.
 */
const IGNORE_UPGRADES: Http1ProtocolOptions & { ignore_http_11_upgrade: StringMatcher[] } = {
  ignore_http_11_upgrade: [{ safe_regex: { regex: '.*' } }],
};

/** Carries the caller's id while X-Request-Id is removed. */
const SCRATCH_HEADER = 'x-headgate-caller-request-id';

/** The HTTP connection manager of a listener. */
export function httpManager(config: Config, options: ManagerOptions): Filter {
  const { idleMs, trustedHops = 0, routes, filters, ...rest } = options;
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: pack('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
      ...rest,
      ...timeouts(config, idleMs),
      ...strictRequests(),
      ...identity(trustedHops),
      route_config: { ...routes, ignore_port_in_host_matching: true },
      http_filters: [...filters, router()],
    }),
  };
}

function timeouts(config: Config, idleMs: number): Partial<HttpConnectionManager> {
  const requestMs = requestTimeoutMs(config);
  return {
    common_http_protocol_options: {
      idle_timeout: duration(idleMs),
      // Last fence against a client that reads its answer byte by byte.
      max_stream_duration: duration(2 * requestMs),
      max_headers_count: MAX_HEADERS,
      // Some servers read `_` as `-`: x_headgate_variant must not become x-headgate-variant.
      headers_with_underscores_action: 'REJECT_REQUEST',
    },
    request_timeout: duration(requestMs),
    request_headers_timeout: duration(REQUEST_HEADERS_MS),
    // A prediction is silent while the model runs: not shorter than the longest answer.
    stream_idle_timeout: duration(requestMs),
  };
}

function strictRequests(): Partial<HttpConnectionManager> {
  return {
    max_request_headers_kb: HEADER_KIB.envoy,
    http_protocol_options: IGNORE_UPGRADES,
    http2_protocol_options: { ...HTTP2_DOWNSTREAM },
    normalize_path: true,
    merge_slashes: true,
    // No path of ours holds an escaped slash; a redirect would lose the body of a POST.
    path_with_escaped_slashes_action: 'REJECT_REQUEST',
    strip_trailing_host_dot: true,
    // Envoy invites no body that the gateway has not been asked about.
    proxy_100_continue: true,
  };
}

function identity(trustedHops: number): Partial<HttpConnectionManager> {
  return {
    use_remote_address: true,
    xff_num_trusted_hops: trustedHops,
    // Envoy would append the machine's address for a caller on loopback; `forwardedFor` sets the caller's own.
    skip_xff_append: true,
    // No address counts as internal: private ranges may not steer Envoy by x-envoy-* headers either.
    internal_address_config: { cidr_ranges: [NO_ADDRESS] },
    server_header_transformation: 'PASS_THROUGH',
    generate_request_id: true,
    preserve_external_request_id: true,
    always_set_request_id_in_response: true,
    request_id_extension: {
      typed_config: pack('envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig', {
        pack_trace_reason: false,
        use_request_id_for_trace_sampling: false,
      }),
    },
    early_header_mutation_extensions: [earlyMutations()],
  };
}

/**
 * Before Envoy looks at a request: what only we may set is removed, and the caller's request id survives only if it
 * is sane. Envoy makes one where none is left.
 */
function earlyMutations(): TypedExtensionConfig {
  return {
    name: 'envoy.http.early_header_mutation.header_mutation',
    typed_config: pack('envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation', {
      mutations: [
        ...NOT_FROM_CLIENTS.map((name) => ({ remove: name })),
        { remove: SCRATCH_HEADER },
        { append: header(SCRATCH_HEADER, saneRequestId()) },
        { remove: HEADER.requestId },
        { append: header(HEADER.requestId, `%REQ(${SCRATCH_HEADER})%`) },
        { remove: SCRATCH_HEADER },
      ],
    }),
  };
}

/** The caller's id as an expression of Envoy's formatter language, or nothing where it is not fit to be logged. */
function saneRequestId(): string {
  const sent = `request.headers['${HEADER.requestId}']`;
  return `%CEL(size(${sent}) <= 64 && ${sent}.matches('^[A-Za-z0-9._:-]+$') ? ${sent} : '')%`;
}

function router(): HttpFilter {
  return {
    name: 'envoy.filters.http.router',
    typed_config: pack('envoy.extensions.filters.http.router.v3.Router', { suppress_envoy_headers: true }),
  };
}

/**
 * Ceiling of one Envoy process over all clients. Beyond it the filter says 429, which `local-replies.ts` turns
 * into 503 overloaded: quotas per client are the gateway's.
 */
export function rateCeiling(statPrefix: string, perSecond: number): HttpFilter {
  const always = { default_value: { numerator: 100, denominator: 'HUNDRED' as const } };
  return {
    name: 'envoy.filters.http.local_ratelimit',
    typed_config: pack('envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit', {
      stat_prefix: statPrefix,
      token_bucket: { max_tokens: perSecond, tokens_per_fill: perSecond, fill_interval: duration(1000) },
      filter_enabled: always,
      filter_enforced: always,
    }),
  };
}

const BODY_LIMIT = 'envoy.filters.http.body_size_limit';

/** For a route without `bodyLimit`. */
export const NO_BODY_LIMIT = {
  [BODY_LIMIT]: pack('envoy.config.route.v3.FilterConfig', { disabled: true }),
};

/** 413 as soon as the length says so, or as the bytes that arrive exceed it. Nothing is buffered. */
export function bodyLimit(maxBytes: number): HttpFilter {
  return {
    name: BODY_LIMIT,
    typed_config: pack('envoy.extensions.filters.http.body_size_limit.v3.BodySizeLimit', {
      max_request_bytes: maxBytes,
    }),
  };
}

/** What Envoy says about itself and a request, and upstreams believe: the client's address, and that Envoy says it. */
export function fromEnvoy({ listen }: Config): HeaderValueOption[] {
  if (listen.internal_secret_file === '') return [forwardedFor()];
  return [forwardedFor(), header(HEADER.internalSecret, `%ENVIRONMENT(${SECRET_VARIABLE})%`)];
}

/** X-Forwarded-For as upstreams get it: one address, the client's as `trustedHops` and the PROXY protocol tell it. */
function forwardedFor(): HeaderValueOption {
  return header(HEADER.forwardedFor, '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%');
}

/** Strict-Transport-Security: a year; a minute in development, where browsers would remember it for localhost. */
export function hsts(config: Config): HeaderValueOption {
  const seconds = config.environment === 'dev' ? 60 : 31_536_000;
  return header('strict-transport-security', `max-age=${seconds}`);
}
