import type { Config } from '@headgate/contracts/config/schema';
import { type InternalSecret, readInternalSecret } from '@headgate/runtime/internal-secret';
import { createLogger, type Logger } from '@headgate/runtime/logger';
import { reportResilience } from '@headgate/runtime/resilience/metrics';
import type { Dependency } from '@headgate/runtime/resilience/policies';
import type { ResilienceReport } from '@headgate/runtime/resilience/report';
import { startTracing, type Tracing } from '@headgate/runtime/tracing';
import packageJson from '../package.json' with { type: 'json' };
import { createMetrics, type Metrics } from './telemetry/metrics.ts';

/** What every part that `main` starts finds around it. */
export interface Surroundings {
  /** Absolute; relative paths of the configuration start here. */
  readonly root: string;
  /** What our own processes show each other; absent where none is configured. */
  readonly secret?: InternalSecret | undefined;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Receives reports of the policies of remote dependencies. */
  readonly resilience: ResilienceReport;
}

/** Log, metrics and tracing as the configuration says; `spans` are stopped last. @throws ConfigError */
export async function startSurroundings(
  config: Config,
  root: string,
): Promise<Surroundings & { readonly spans: Tracing }> {
  const service = 'gateway';
  const { log_level, tracing } = config.telemetry;
  const secret = readInternalSecret(config.listen, root);
  const logger = createLogger({ service, level: log_level });
  const warn = (message: string) => logger.warn(message);
  const spans = await startTracing({ service, version: packageJson.version, config: tracing, warn });
  const metrics = createMetrics();
  const { registry } = metrics;
  const resilience = reportResilience({ logger, registry, breakers: breakersOf(config) });
  return { root, secret, logger, metrics, resilience, spans };
}

/** Dependencies that this configuration makes the gateway call through a policy. */
function breakersOf({ gateway, records }: Config): Dependency[] {
  return [
    ...(gateway.oidc.issuers.length > 0 ? (['jwks'] as const) : []),
    ...(gateway.rate_limit.store === 'redis' ? (['redis'] as const) : []),
    ...(records.sink === 'none' ? [] : (['database'] as const)),
  ];
}
