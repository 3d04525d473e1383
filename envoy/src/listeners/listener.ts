import { pack } from '../any.ts';
import type { TransportSocket } from '../gen/envoy/config/core/v3/base.ts';
import type { Listener } from '../gen/envoy/config/listener/v3/listener.ts';
import type { Filter } from '../gen/envoy/config/listener/v3/listener_components.ts';
import { CONNECTION_BUFFER_BYTES, duration, TLS_HANDSHAKE_MS } from '../limits.ts';

export interface ListenerOptions {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Connections that may be open at once; more are closed at once. */
  readonly maxConnections: number;
  readonly tls?: TransportSocket;
  readonly manager: Filter;
}

/** A TCP listener with a connection limit in front of its HTTP connection manager. */
export function listener({ name, host, port, maxConnections, tls, manager }: ListenerOptions): Listener {
  return {
    name,
    address: { socket_address: { address: host, port_value: port } },
    per_connection_buffer_limit_bytes: CONNECTION_BUFFER_BYTES,
    filter_chains: [
      {
        name,
        ...(tls && { transport_socket: tls, transport_socket_connect_timeout: duration(TLS_HANDSHAKE_MS) }),
        filters: [
          {
            name: 'envoy.filters.network.connection_limit',
            typed_config: pack('envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit', {
              stat_prefix: name,
              max_connections: maxConnections,
            }),
          },
          manager,
        ],
      },
    ],
  };
}
