import type { Config } from '@headgate/contracts/config/schema';
import { INFERENCE_SERVICE, portOf } from '@headgate/contracts/names';
import { grpcAccessLog } from '../access-log.ts';
import { safeRetries } from '../clusters.ts';
import type { Listener } from '../gen/envoy/config/listener/v3/listener.ts';
import type { RouteConfiguration } from '../gen/envoy/config/route/v3/route.ts';
import type { Route } from '../gen/envoy/config/route/v3/route_components.ts';
import { bodyLimit, fromEnvoy, httpManager, NO_BODY_LIMIT, rateCeiling } from '../http-manager.ts';
import {
  duration,
  GRPC_SLACK_BYTES,
  INTERNAL_IDLE_MS,
  LONG_STREAM_MS,
  minorListenerConnections,
  requestTimeoutMs,
  SHARES,
} from '../limits.ts';
import { grpcReplies } from '../local-replies.ts';
import { CLUSTER, LISTENER } from '../names.ts';
import { mutualTls } from '../tls.ts';
import { listener } from './listener.ts';

/**
 * gRPC for internal services, straight to inference. The client certificate is the identity: Envoy verifies it
 * against the internal CA and writes it into x-forwarded-client-cert, which no client can set itself.
 */
export function internalGrpcListener(config: Config, root: string): Listener {
  const name = LISTENER.internalGrpc;
  return listener({
    name,
    host: config.listen.internal_host,
    port: portOf(config.listen.port_base, 'internalGrpcMtls'),
    maxConnections: minorListenerConnections(config.envoy.max_connections),
    shares: SHARES.minor,
    tls: mutualTls(root),
    manager: httpManager(config, {
      stat_prefix: name,
      codec_type: 'HTTP2',
      idleMs: INTERNAL_IDLE_MS,
      access_log: grpcAccessLog(name),
      local_reply_config: grpcReplies({
        bodyBytes: config.inference.limits.message_bytes,
        requestMs: requestTimeoutMs(config),
      }),
      forward_client_cert_details: 'SANITIZE_SET',
      set_current_client_cert_details: { subject: true, uri: true, dns: true },
      routes: routes(config),
      filters: [
        rateCeiling(name, config.envoy.local_rate_per_s),
        bodyLimit(config.inference.limits.message_bytes + GRPC_SLACK_BYTES),
      ],
    }),
  });
}

function routes(config: Config): RouteConfiguration {
  const limit = duration(requestTimeoutMs(config));
  return {
    name: LISTENER.internalGrpc,
    request_headers_to_add: fromEnvoy(config),
    virtual_hosts: [
      {
        name: CLUSTER.inference,
        domains: ['*'],
        routes: [
          longStream('/grpc.health.v1.Health/Watch'),
          // Each message is a call: inference bounds its size and its time.
          { ...longStream(`/${INFERENCE_SERVICE}/ModelStreamInfer`), typed_per_filter_config: NO_BODY_LIMIT },
          {
            match: { prefix: '/', grpc: {} },
            route: {
              cluster: CLUSTER.inference,
              timeout: '0s',
              // The caller's own grpc-timeout, up to our limit.
              max_stream_duration: { max_stream_duration: limit, grpc_timeout_header_max: limit },
              retry_policy: safeRetries(),
            },
          },
        ],
      },
    ],
  };
}

function longStream(path: string): Route {
  return {
    match: { path, grpc: {} },
    route: {
      cluster: CLUSTER.inference,
      timeout: '0s',
      idle_timeout: duration(LONG_STREAM_MS),
      max_stream_duration: { max_stream_duration: duration(LONG_STREAM_MS) },
    },
  };
}
