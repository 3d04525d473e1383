import { HEADER } from '@headgate/contracts/names';
import { pack } from './any.ts';
import type { AccessLog } from './gen/envoy/config/accesslog/v3/accesslog.ts';
import { REQUEST_ID } from './local-replies.ts';

/**
 * One JSON line per request on stdout. No bodies, no credentials, no query strings; text from the client is
 * cut to a length that cannot flood the log.
 */
const COMMON = {
  time: '%START_TIME%',
  msg: 'access',
  /** Decision 0068: the filter chain. */
  share: '%FILTER_CHAIN_NAME%',
  request_id: REQUEST_ID,
  connection: '%CONNECTION_ID%',
  traceparent: `%REQ(${HEADER.traceparent}):55%`,
  client: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%',
  protocol: '%PROTOCOL%',
  tls: '%DOWNSTREAM_TLS_VERSION%',
  method: '%REQ(:method)%',
  host: '%REQ(:authority):256%',
  path: '%PATH(NQ:PATH):512%',
  user_agent: '%REQ(user-agent):128%',
  status: '%RESPONSE_CODE%',
  /** What went wrong, in Envoy's short codes and in words. */
  flags: '%RESPONSE_FLAGS%',
  details: '%RESPONSE_CODE_DETAILS%',
  bytes_in: '%BYTES_RECEIVED%',
  bytes_out: '%BYTES_SENT%',
  duration_ms: '%DURATION%',
  /** From the request's last byte sent upstream to the answer's first byte back. */
  upstream_ms: '%COMMON_DURATION(US_TX_END:US_RX_BEG:ms)%',
  upstream: '%UPSTREAM_HOST%',
  attempts: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
} as const;

/** Who called over mutual TLS, and how gRPC ended. */
const GRPC = {
  peer: '%DOWNSTREAM_PEER_SUBJECT%',
  peer_san: '%DOWNSTREAM_PEER_URI_SAN%',
  grpc_status: '%GRPC_STATUS_NUMBER%',
} as const;

export function httpAccessLog(listener: string): AccessLog[] {
  return [stdout({ listener, ...COMMON })];
}

export function grpcAccessLog(listener: string): AccessLog[] {
  return [stdout({ listener, ...COMMON, ...GRPC })];
}

function stdout(fields: Readonly<Record<string, string>>): AccessLog {
  return {
    name: 'envoy.access_loggers.stdout',
    typed_config: pack('envoy.extensions.access_loggers.stream.v3.StdoutAccessLog', {
      log_format: { json_format: { ...fields }, omit_empty_values: false },
    }),
  };
}
