import type { EnvoyConfig } from '@headgate/contracts/config/schema';
import { pack } from './any.ts';
import type { OverloadAction, OverloadManager } from './gen/envoy/config/overload/v3/overload.ts';
import { duration, HEAP, processConnections } from './limits.ts';

const HEAP_MONITOR = 'envoy.resource_monitors.fixed_heap';

/** What Envoy does, step by step, before it would run out of memory or sockets. */
export function overloadManager(config: EnvoyConfig): OverloadManager {
  return {
    refresh_interval: duration(250),
    resource_monitors: [
      {
        name: HEAP_MONITOR,
        typed_config: pack('envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig', {
          max_heap_size_bytes: config.heap_bytes,
        }),
      },
      {
        name: 'envoy.resource_monitors.global_downstream_max_connections',
        typed_config: pack(
          'envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
          { max_active_downstream_connections: processConnections(config.max_connections) },
        ),
      },
    ],
    actions: [
      atHeap('envoy.overload_actions.disable_http_keepalive', HEAP.shrink),
      atHeap('envoy.overload_actions.shrink_heap', HEAP.shrink),
      atHeap('envoy.overload_actions.stop_accepting_requests', HEAP.stopRequests),
    ],
  };
}

function atHeap(name: string, fraction: number): OverloadAction {
  return { name, triggers: [{ name: HEAP_MONITOR, threshold: { value: fraction } }] };
}
