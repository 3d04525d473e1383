import { z } from 'zod';
import { auditSchema } from './audit.ts';
import { captureSchema } from './capture.ts';
import { controlSchema } from './control.ts';
import { envoySchema } from './envoy.ts';
import { gatewaySchema } from './gateway.ts';
import { inferenceSchema } from './inference.ts';
import { cidr, PRIVATE_NETWORKS } from './networks.ts';
import { recordsSchema } from './records.ts';
import { registrySchema } from './registry.ts';
import { checkRules } from './rules.ts';
import { serverlessSchema } from './serverless.ts';
import { telemetrySchema } from './telemetry.ts';
import { group, ms, path } from './values.ts';

/**
 * Everything that an operator may change, with defaults and meanings. Above the defaults: `config/base.yaml`, then
 * `config/<environment>.yaml`, then variables `HEADGATE_<PATH>` with `__` between the levels. Keys end in their unit.
 * Unknown keys are errors: a typo must not silently keep a default.
 */

const dependency = (timeoutMs: number) => group({ timeout_ms: ms().default(timeoutMs) });

const layersSchema = z.strictObject({
  environment: z.enum(['dev', 'staging', 'production']),
  listen: group({
    host: path
      .default('127.0.0.1')
      .describe("Address of the public listeners, Envoy's HTTPS and its redirect; no other port is there."),
    internal_host: path
      .default('127.0.0.1')
      .describe("Address of all other listeners: loopback, or the machine's own one in an internal network."),
    internal_networks: z
      .array(cidr)
      .default(PRIVATE_NETWORKS)
      .describe('Networks that only our own machines reach, as CIDR; internal_host lies in one of them.'),
    internal_secret_file: z
      .string()
      .default('')
      .describe(
        'Secret that our own processes show each other, a line of at least 32 characters; each further line is accepted too. Empty: none, on loopback only.',
      ),
    port_base: z
      .number()
      .int()
      .min(1024)
      .max(65_000)
      .default(8440)
      .describe('Each listener has a port at a fixed distance from it: HTTPS +3.'),
  }),
  routing_file: path.default('state/routing.yaml').describe('Routing table (decision 0015).'),
  routing_config_map: z
    .string()
    .regex(/^$|^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'expected the name of a ConfigMap, or nothing')
    .default('')
    .describe(
      "ConfigMap of the pod's namespace whose key routing.yaml is the routing table; routing_file is then a mounted copy, for a start without the API server. Empty: the file.",
    ),
  dependencies: group({
    redis: dependency(100).describe('Redis; each request waits for it.'),
    jwks: dependency(1500).describe(
      'An issuer of bearer tokens, for its keys; asked twice before it counts as down.',
    ),
    database: dependency(10_000).describe('The store of records or of audit records.'),
  }).describe('How long one call of a remote part may take (docs/operations.md).'),
  gateway: gatewaySchema,
  inference: inferenceSchema,
  registry: registrySchema,
  serverless: serverlessSchema,
  control: controlSchema,
  records: recordsSchema,
  capture: captureSchema,
  audit: auditSchema,
  envoy: envoySchema,
  telemetry: telemetrySchema,
});

/** The whole configuration. */
export const configSchema = layersSchema.superRefine(checkRules);

/** Each key is right by itself. */
export type Unchecked = z.infer<typeof layersSchema>;
export type Config = z.infer<typeof configSchema>;
export type GatewayConfig = Config['gateway'];
export type { CaptureConfig } from './capture.ts';
export type { OidcConfig, OidcIssuer } from './oidc.ts';
export type { FailureMode, Limit, QuotaConfig, QuotaUnit, RateLimitConfig, Tier } from './rate-limit.ts';
export type InferenceConfig = Config['inference'];
export type RegistryConfig = Config['registry'];
export type EnvoyConfig = Config['envoy'];
export type TelemetryConfig = Config['telemetry'];
