import type { Config } from '@headgate/contracts/config/schema';
import { portOf } from '@headgate/contracts/names';
import { OWN_HOST } from '@headgate/runtime/internal-http';
import type { Listener } from '../gen/envoy/config/listener/v3/listener.ts';
import type { Route } from '../gen/envoy/config/route/v3/route_components.ts';
import { httpManager } from '../http-manager.ts';
import { ADMIN_MS, duration, PROBE_CONNECTIONS, PUBLIC_IDLE_MS, SHARES } from '../limits.ts';
import { enforcedBy, problemReplies } from '../local-replies.ts';
import { CLUSTER } from '../names.ts';
import { listener } from './listener.ts';

const NAME = 'probes';

/** The two pages of the admin socket that probes and Prometheus need; all others are 404. */
export function probesListener(config: Config): Listener {
  return {
    ...listener({
      name: NAME,
      host: config.listen.internal_host,
      port: portOf(config.listen.port_base, 'envoyInternal'),
      maxConnections: PROBE_CONNECTIONS,
      shares: SHARES.minor,
      manager: httpManager(config, {
        stat_prefix: NAME,
        codec_type: 'HTTP1',
        idleMs: PUBLIC_IDLE_MS,
        access_log: [],
        local_reply_config: problemReplies(enforcedBy(config)),
        routes: {
          name: NAME,
          virtual_hosts: [
            { name: NAME, domains: ['*'], routes: [page('/ready'), page('/stats/prometheus')] },
          ],
        },
        filters: [],
      }),
    }),
    // They answer when all connections or all memory are taken: that is when they are needed.
    ignore_global_conn_limit: true,
    bypass_overload_manager: true,
  };
}

function page(path: string): Route {
  return {
    match: {
      path,
      headers: [
        { name: ':method', string_match: { exact: 'GET' } },
        // A page of the web cannot make its own name point here and read the answer.
        { name: ':authority', string_match: { safe_regex: { regex: OWN_HOST.source } } },
      ],
    },
    route: { cluster: CLUSTER.admin, timeout: duration(ADMIN_MS) },
  };
}
