import { z } from 'zod';
import { cidr } from './networks.ts';
import { bytes, count, group, path, target } from './values.ts';

/** The edge (docs/edge.md). Timeouts and the largest body follow from the gateway's settings. */
export const envoySchema = group({
  server_names: z
    .array(z.string().min(1))
    .min(1)
    .default(['localhost', '127.0.0.1'])
    .describe('Names in the server certificate made at setup, and accepted as Host.'),
  tls_dir: path
    .default('state/tls/public')
    .describe('Directory with the certificates of the public listener (tls.crt, tls.key).'),
  internal_tls_dir: path
    .default('state/tls/internal')
    .describe('Directory with the internal CA, server and client certificates of the mTLS listener.'),
  gateway_target: target.describe('host:port of the gateway; empty: the local process.'),
  gateway_canary_target: target.describe(
    'host:port of gateways of another image, which get 10 % of the requests while one is ready; empty: none.',
  ),
  inference_target: target.describe('host:port of inference; empty: the local process.'),
  acme_challenge_target: target.describe(
    'host:port of the ACME client while it answers HTTP-01 challenges; empty: challenges are not forwarded.',
  ),
  redirect_port: z
    .number()
    .int()
    .min(0)
    .max(65_535)
    .default(0)
    .describe(
      "Port that the HTTP redirect names, where a load balancer maps it; 0: the HTTPS listener's own.",
    ),
  xff_num_trusted_hops: z
    .number()
    .int()
    .min(0)
    .max(10)
    .default(0)
    .describe(
      'HTTP proxies in front whose entries in X-Forwarded-For are believed, counted from the right (docs/behind-a-load-balancer.md).',
    ),
  proxy_protocol: z
    .enum(['off', 'required'])
    .default('off')
    .describe(
      'required: the public listeners take the client address from a PROXY protocol header, version 1 or 2, and close connections without it.',
    ),
  balancers: z
    .array(cidr)
    .default([])
    .describe(
      'Networks of load balancers, the only ones that may connect to the public listeners, as CIDR; empty: everybody.',
    ),
  max_connections: count
    .default(10_000)
    .describe('Connections of the public listener, divided into shares by address (docs/edge.md).'),
  upstream_max_requests: count
    .default(4096)
    .describe('Requests in progress to the gateways, and again to inference; more are refused.'),
  local_rate_per_s: count
    .default(5000)
    .describe(
      'Requests per second that one Envoy lets through from one share of the addresses (decision 0068).',
    ),
  heap_bytes: bytes
    .default(2 ** 30)
    .describe('Heap at which Envoy refuses work instead of being ended by the system.'),
  concurrency: count.max(256).default(2).describe('Worker threads.'),
});
