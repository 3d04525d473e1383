import type { StdoutAccessLog } from './gen/envoy/extensions/access_loggers/stream/v3/stream.ts';
import type { LocalRateLimit } from './gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.ts';
import type { Router } from './gen/envoy/extensions/filters/http/router/v3/router.ts';
import type { ProxyProtocol } from './gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol.ts';
import type { ConnectionLimit } from './gen/envoy/extensions/filters/network/connection_limit/v3/connection_limit.ts';
import type { HttpConnectionManager } from './gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts';
import type { HeaderMutation } from './gen/envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation.ts';
import type {
  DirectSourceIPInput,
  FilterStateInput,
} from './gen/envoy/extensions/matching/common_inputs/network/v3/network_inputs.ts';
import type { ConsistentHashing } from './gen/envoy/extensions/matching/input_matchers/consistent_hashing/v3/consistent_hashing.ts';
import type { Ip } from './gen/envoy/extensions/matching/input_matchers/ip/v3/ip.ts';
import type { UuidRequestIdConfig } from './gen/envoy/extensions/request_id/uuid/v3/uuid.ts';
import type { DownstreamConnectionsConfig } from './gen/envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections.ts';
import type { FixedHeapConfig } from './gen/envoy/extensions/resource_monitors/fixed_heap/v3/fixed_heap.ts';
import type { PreviousHostsPredicate } from './gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.ts';
import type { Secret } from './gen/envoy/extensions/transport_sockets/tls/v3/secret.ts';
import type { DownstreamTlsContext } from './gen/envoy/extensions/transport_sockets/tls/v3/tls.ts';
import type { HttpProtocolOptions } from './gen/envoy/extensions/upstreams/http/v3/http_protocol_options.ts';

/** `google.protobuf.Any` in the JSON form that Envoy reads. Made by `pack` only; the generated typings refer to it. */
export interface Any {
  readonly '@type': string;
}

/** Newer than the protos that the typings are generated from; as published with Envoy 1.40. */
interface BodySizeLimit {
  max_request_bytes: number;
}

/** The only field of it. */
interface ExpressionFilter {
  expression: string;
}

/** Newer too. */
interface SetFilterState {
  on_accept: {
    object_key: string;
    factory_key: string;
    format_string: { text_format_source: { inline_string: string } };
  }[];
}

/** The part of `envoy.config.route.v3.FilterConfig` that is used; its typing would bring every filter's. */
interface FilterConfig {
  disabled: boolean;
}

/** Every message that the configuration carries in an `Any`, by its full protobuf name. */
interface Messages {
  'envoy.config.route.v3.FilterConfig': FilterConfig;
  'envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter': ExpressionFilter;
  'envoy.extensions.access_loggers.stream.v3.StdoutAccessLog': StdoutAccessLog;
  'envoy.extensions.filters.http.body_size_limit.v3.BodySizeLimit': BodySizeLimit;
  'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit': LocalRateLimit;
  'envoy.extensions.filters.http.router.v3.Router': Router;
  'envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol': ProxyProtocol;
  'envoy.extensions.filters.listener.set_filter_state.v3.Config': SetFilterState;
  'envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit': ConnectionLimit;
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager': HttpConnectionManager;
  'envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation': HeaderMutation;
  'envoy.extensions.matching.common_inputs.network.v3.DirectSourceIPInput': DirectSourceIPInput;
  'envoy.extensions.matching.common_inputs.network.v3.FilterStateInput': FilterStateInput;
  'envoy.extensions.matching.input_matchers.consistent_hashing.v3.ConsistentHashing': ConsistentHashing;
  'envoy.extensions.matching.input_matchers.ip.v3.Ip': Ip;
  'envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig': UuidRequestIdConfig;
  'envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig': DownstreamConnectionsConfig;
  'envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig': FixedHeapConfig;
  'envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate': PreviousHostsPredicate;
  'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext': DownstreamTlsContext;
  'envoy.extensions.transport_sockets.tls.v3.Secret': Secret;
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': HttpProtocolOptions;
  'google.protobuf.StringValue': { value: string };
}

/** Puts a message into an `Any`; the compiler checks that the message is the one that `name` says. */
export function pack<Name extends keyof Messages>(name: Name, message: Messages[Name]): Any & Messages[Name] {
  return { '@type': `type.googleapis.com/${name}`, ...message };
}
