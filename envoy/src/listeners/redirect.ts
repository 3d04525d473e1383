import type { Config } from '@headgate/contracts/config';
import { portOf } from '@headgate/contracts/names';
import { httpAccessLog } from '../access-log.ts';
import type { Listener } from '../gen/envoy/config/listener/v3/listener.ts';
import type { RouteConfiguration } from '../gen/envoy/config/route/v3/route.ts';
import { httpManager, rateCeiling } from '../http-manager.ts';
import { minorListenerConnections, REDIRECT_IDLE_MS } from '../limits.ts';
import { problemReplies } from '../local-replies.ts';
import { LISTENER } from '../names.ts';
import { listener } from './listener.ts';

/** Plain HTTP: answers every request for a configured host with the same address over HTTPS, and nothing else. */
export function redirectListener(config: Config): Listener {
  const name = LISTENER.httpRedirect;
  return listener({
    name,
    host: config.listen.host,
    port: portOf(config.listen.port_base, 'httpRedirect'),
    maxConnections: minorListenerConnections(config.envoy.max_connections),
    manager: httpManager(config, {
      stat_prefix: name,
      codec_type: 'HTTP1',
      idleMs: REDIRECT_IDLE_MS,
      access_log: httpAccessLog(),
      local_reply_config: problemReplies(),
      routes: routes(config),
      filters: [rateCeiling(name, config.envoy.local_rate_per_s)],
    }),
  });
}

function routes(config: Config): RouteConfiguration {
  return {
    name: LISTENER.httpRedirect,
    virtual_hosts: [
      {
        name: LISTENER.httpRedirect,
        domains: [...config.envoy.server_names],
        routes: [
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
