import type { Config } from '@headgate/contracts/config/schema';
import { adminSocket } from './admin.ts';
import { acmeCluster, adminCluster, gatewayCluster, inferenceCluster } from './clusters.ts';
import type { Bootstrap } from './gen/envoy/config/bootstrap/v3/bootstrap.ts';
import { WATCHDOG } from './limits.ts';
import { internalGrpcListener } from './listeners/internal-grpc.ts';
import { probesListener } from './listeners/probes.ts';
import { publicListener } from './listeners/public.ts';
import { redirectListener } from './listeners/redirect.ts';
import { overloadManager } from './overload.ts';

/** The whole configuration: four listeners, their clusters, the admin page on a socket. */
export function bootstrap(config: Config, root: string): Bootstrap {
  return {
    node: { id: 'headgate-edge', cluster: `headgate-${config.environment}` },
    admin: {
      address: { pipe: { path: adminSocket(config, root), mode: 0o600 } },
      // Reachable when all connections are taken: that is when it is needed.
      ignore_global_conn_limit: true,
    },
    static_resources: {
      listeners: [
        publicListener(config, root),
        redirectListener(config),
        internalGrpcListener(config, root),
        probesListener(config),
      ],
      clusters: [
        gatewayCluster(config),
        inferenceCluster(config),
        adminCluster(config, root),
        ...(config.envoy.acme_challenge_target === '' ? [] : [acmeCluster(config)]),
      ],
    },
    overload_manager: overloadManager(config.envoy),
    watchdogs: { main_thread_watchdog: WATCHDOG, worker_watchdog: WATCHDOG },
    application_log_config: {
      log_format: {
        json_format: { time: '%Y-%m-%dT%H:%M:%S.%e%z', level: '%l', msg: '%j', logger: '%n' },
      },
    },
  };
}
