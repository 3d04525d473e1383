import type { Config } from '@headgate/contracts/config/schema';
import { portOf } from '@headgate/contracts/names';
import { acmeCluster, gatewayCluster, inferenceCluster } from './clusters.ts';
import type { Bootstrap } from './gen/envoy/config/bootstrap/v3/bootstrap.ts';
import { WATCHDOG } from './limits.ts';
import { internalGrpcListener } from './listeners/internal-grpc.ts';
import { publicListener } from './listeners/public.ts';
import { redirectListener } from './listeners/redirect.ts';
import { overloadManager } from './overload.ts';

/** The whole configuration: three listeners, their clusters, the admin page on loopback. */
export function bootstrap(config: Config, root: string): Bootstrap {
  return {
    node: { id: 'headgate-edge', cluster: `headgate-${config.environment}` },
    admin: {
      // Loopback wherever the listeners are: the admin page can stop the process and shows everything.
      address: {
        socket_address: {
          address: '127.0.0.1',
          port_value: portOf(config.listen.port_base, 'envoyAdmin'),
        },
      },
      // Reachable when all connections are taken: that is when it is needed.
      ignore_global_conn_limit: true,
    },
    static_resources: {
      listeners: [publicListener(config, root), redirectListener(config), internalGrpcListener(config, root)],
      clusters: [
        gatewayCluster(config),
        inferenceCluster(config),
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
