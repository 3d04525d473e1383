import type { EnvoyConfig } from '@headgate/contracts/config/schema';
import { pack } from '../any.ts';
import type { TransportSocket } from '../gen/envoy/config/core/v3/base.ts';
import type { Listener } from '../gen/envoy/config/listener/v3/listener.ts';
import type {
  Filter,
  FilterChain,
  ListenerFilter,
} from '../gen/envoy/config/listener/v3/listener_components.ts';
import { CONNECTION_BUFFER_BYTES, duration, PROXY_HEADER_MS, TLS_HANDSHAKE_MS } from '../limits.ts';
import { chainMatcher, rememberNetwork, type Share, sharesOf } from './shares.ts';

export interface ListenerOptions {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Connections that may be open at once, over all shares; more are closed at once. */
  readonly maxConnections: number;
  readonly shares: number;
  readonly tls?: TransportSocket;
  readonly manager: Filter;
  /** Networks of the load balancers in front, the only ones that may connect; anybody where there are none. */
  readonly balancers?: readonly string[];
  /** Each connection begins with a header of the PROXY protocol, or is closed. */
  readonly proxyProtocol?: boolean;
}

/** A TCP listener with connection limits in front of its HTTP connection manager. */
export function listener(options: ListenerOptions): Listener {
  const { name, host, port, balancers = [], proxyProtocol = false } = options;
  const shares = sharesOf(name, options.maxConnections, options.shares);
  return {
    name,
    address: { socket_address: { address: host, port_value: port } },
    per_connection_buffer_limit_bytes: CONNECTION_BUFFER_BYTES,
    listener_filters: [...(proxyProtocol ? [proxyProtocolFilter()] : []), rememberNetwork()],
    listener_filters_timeout: duration(PROXY_HEADER_MS),
    filter_chain_matcher: chainMatcher(shares, balancers),
    filter_chains: shares.map((share) => filterChain(share, options)),
  };
}

function filterChain(share: Share, { name, tls, manager }: ListenerOptions): FilterChain {
  return {
    name: share.name,
    ...(tls && { transport_socket: tls, transport_socket_connect_timeout: duration(TLS_HANDSHAKE_MS) }),
    filters: [
      {
        name: 'envoy.filters.network.connection_limit',
        typed_config: pack('envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit', {
          stat_prefix: name,
          max_connections: share.maxConnections,
        }),
      },
      manager,
    ],
  };
}

/** Versions 1 and 2. A connection without the header is closed. */
function proxyProtocolFilter(): ListenerFilter {
  return {
    name: 'envoy.filters.listener.proxy_protocol',
    typed_config: pack('envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol', {}),
  };
}

/**
 * What a public listener has to know about load balancers in front of it. Where hops are trusted, a connection is the
 * balancer's and says nothing about a client: it counts against the listener as a whole.
 */
export function frontOf(
  { xff_num_trusted_hops, proxy_protocol, balancers }: EnvoyConfig,
  shares: number,
): Pick<ListenerOptions, 'shares' | 'balancers' | 'proxyProtocol'> {
  return {
    shares: xff_num_trusted_hops > 0 ? 1 : shares,
    balancers,
    proxyProtocol: proxy_protocol === 'required',
  };
}
