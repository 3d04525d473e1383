import type { Config } from '@headgate/contracts/config/schema';
import { portOf } from '@headgate/contracts/names';
import { httpAccessLog } from '../access-log.ts';
import { challengeRetries } from '../clusters.ts';
import type { Listener } from '../gen/envoy/config/listener/v3/listener.ts';
import type { RouteConfiguration } from '../gen/envoy/config/route/v3/route.ts';
import type { Route } from '../gen/envoy/config/route/v3/route_components.ts';
import { httpManager, rateCeiling } from '../http-manager.ts';
import { CHALLENGE_MS, duration, minorListenerConnections, REDIRECT_IDLE_MS, SHARES } from '../limits.ts';
import { enforcedBy, PROTECTIVE, problemReplies } from '../local-replies.ts';
import { CLUSTER, LISTENER } from '../names.ts';
import { frontOf, listener } from './listener.ts';

/**
 * Plain HTTP: answers every request for a configured host with the same address over HTTPS. Only the question of a
 * certificate authority whether a name is ours goes further, where an ACME client is configured.
 */
export function redirectListener(config: Config): Listener {
  const name = LISTENER.httpRedirect;
  return listener({
    name,
    host: config.listen.host,
    port: portOf(config.listen.port_base, 'httpRedirect'),
    maxConnections: minorListenerConnections(config.envoy.max_connections),
    ...frontOf(config.envoy, SHARES.minor),
    manager: httpManager(config, {
      stat_prefix: name,
      codec_type: 'HTTP1',
      idleMs: REDIRECT_IDLE_MS,
      trustedHops: config.envoy.xff_num_trusted_hops,
      access_log: httpAccessLog(name),
      local_reply_config: problemReplies(enforcedBy(config)),
      routes: routes(config),
      filters: [rateCeiling(name, config.envoy.local_rate_per_s)],
    }),
  });
}

function routes(config: Config): RouteConfiguration {
  return {
    name: LISTENER.httpRedirect,
    response_headers_to_add: [...PROTECTIVE],
    virtual_hosts: [
      {
        name: LISTENER.httpRedirect,
        domains: [...config.envoy.server_names],
        routes: [
          ...(config.envoy.acme_challenge_target === '' ? [] : [challenge()]),
          {
            match: { prefix: '/' },
            redirect: {
              https_redirect: true,
              port_redirect: config.envoy.redirect_port || portOf(config.listen.port_base, 'https'),
              // 308, not 301: a POST stays a POST, with its body.
              response_code: 'PERMANENT_REDIRECT',
            },
          },
        ],
      },
    ],
  };
}

/** RFC 8555, 8.3: GET with a token in base64url. Anything else under that path is redirected as all the rest. */
function challenge(): Route {
  return {
    match: {
      safe_regex: { regex: '/\\.well-known/acme-challenge/[A-Za-z0-9_-]+' },
      headers: [{ name: ':method', string_match: { exact: 'GET' } }],
    },
    route: {
      cluster: CLUSTER.acme,
      timeout: duration(CHALLENGE_MS),
      retry_policy: challengeRetries(),
    },
    response_headers_to_remove: ['server'],
  };
}
