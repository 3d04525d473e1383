import { METHODS } from 'node:http';
import type { Config } from '@headgate/contracts/config/schema';
import { portOf } from '@headgate/contracts/names';
import { httpAccessLog } from '../access-log.ts';
import { predictionRetries, safeRetries } from '../clusters.ts';
import { crossOriginHeaders } from '../cross-origin.ts';
import type { Listener } from '../gen/envoy/config/listener/v3/listener.ts';
import type { RouteConfiguration } from '../gen/envoy/config/route/v3/route.ts';
import type { RetryPolicy, Route, RouteMatch } from '../gen/envoy/config/route/v3/route_components.ts';
import { bodyLimit, fromEnvoy, hsts, httpManager, rateCeiling } from '../http-manager.ts';
import {
  BALANCER_IDLE_MS,
  duration,
  maxBodyBytes,
  PUBLIC_IDLE_MS,
  requestTimeoutMs,
  SHARES,
} from '../limits.ts';
import { enforcedBy, problemReplies } from '../local-replies.ts';
import { CLUSTER, LISTENER } from '../names.ts';
import { publicTls } from '../tls.ts';
import { frontOf, listener } from './listener.ts';

/** The public HTTPS listener: everything under the configured host names goes to the gateway. */
export function publicListener(config: Config, root: string): Listener {
  const name = LISTENER.publicHttps;
  return listener({
    name,
    host: config.listen.host,
    port: portOf(config.listen.port_base, 'https'),
    maxConnections: config.envoy.max_connections,
    ...frontOf(config.envoy, SHARES.public),
    tls: publicTls(root),
    manager: httpManager(config, {
      stat_prefix: name,
      codec_type: 'AUTO',
      idleMs: config.envoy.xff_num_trusted_hops > 0 ? BALANCER_IDLE_MS : PUBLIC_IDLE_MS,
      trustedHops: config.envoy.xff_num_trusted_hops,
      access_log: httpAccessLog(name),
      local_reply_config: problemReplies(enforcedBy(config), [hsts(config), ...crossOriginHeaders(config)]),
      routes: routes(config),
      filters: [rateCeiling(name, config.envoy.local_rate_per_s), bodyLimit(maxBodyBytes(config))],
    }),
  });
}

function routes(config: Config): RouteConfiguration {
  return {
    name: LISTENER.publicHttps,
    request_headers_to_add: fromEnvoy(config),
    response_headers_to_add: [hsts(config)],
    response_headers_to_remove: ['server', 'x-powered-by'],
    virtual_hosts: [
      {
        name: CLUSTER.gateway,
        domains: [...config.envoy.server_names],
        routes: [
          noSuchMethod(),
          toGateway(config, { safe_regex: { regex: PREDICTIONS } }, predictionRetries()),
          toGateway(config, { prefix: '/' }, safeRetries()),
        ],
      },
    ],
  };
}

/** Paths that only ask a model (gateway/src/app.ts and routes/v2/routes.ts). */
const PREDICTIONS = '/predict|/v1/models/.+/predict|/v2/models/.+/infer';

function toGateway(config: Config, match: RouteMatch, retry_policy: RetryPolicy): Route {
  const timeout = duration(requestTimeoutMs(config));
  return { match, route: { cluster: CLUSTER.gateway, timeout, retry_policy } };
}

/** Methods in one expression: Envoy refuses to compile all of them at once. */
const METHODS_PER_REGEX = 10;

/** HTTP/2 lets any word pass as a method; to the gateway's parser it would be bytes that are no request, from Envoy. */
function noSuchMethod(): Route {
  const groups = Array.from({ length: Math.ceil(METHODS.length / METHODS_PER_REGEX) }, (_, i) =>
    METHODS.slice(i * METHODS_PER_REGEX, (i + 1) * METHODS_PER_REGEX),
  );
  return {
    match: {
      prefix: '/',
      headers: groups.map((methods) => ({
        name: ':method',
        string_match: { safe_regex: { regex: methods.join('|') } },
        invert_match: true,
      })),
    },
    direct_response: { status: 405 },
  };
}
