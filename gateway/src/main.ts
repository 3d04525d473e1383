import { once } from 'node:events';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { countBuffersAsHeap } from '@headgate/contracts/buffers';
import { loadConfig } from '@headgate/contracts/config/load';
import { portOf } from '@headgate/contracts/names';
import { createLogger } from '@headgate/contracts/telemetry/logger';
import { startTracing } from '@headgate/contracts/telemetry/tracing';
import packageJson from '../package.json' with { type: 'json' };
import { createApp } from './app.ts';
import { startAudit } from './audit/start-audit.ts';
import { fileKeyStore } from './auth/file-keys.ts';
import { createKeyUses } from './auth/key-use.ts';
import { oidcVerifier } from './auth/oidc/verifier.ts';
import { readIncoming, skipIncoming } from './body/read-incoming.ts';
import { clientIpOf } from './client-ip.ts';
import { systemClock } from './deps.ts';
import { exitWith } from './exit.ts';
import { createInternalApp, obstaclesOf } from './internal.ts';
import { memoryLimiter } from './rate-limit/memory.ts';
import { fileRoutingSource } from './routing/file-source.ts';
import { nodeOptions, serveHttp } from './server.ts';
import { startRecords } from './store/start-records.ts';
import { createTelemetry } from './telemetry/create-telemetry.ts';
import { exposeIdentity } from './telemetry/identity-metrics.ts';
import { createMetrics, exposeState } from './telemetry/metrics.ts';
import { reportKeys, reportReadiness, reportRouting, reportTokens } from './telemetry/reports.ts';
import { reportResilience } from './telemetry/resilience.ts';
import { connectUpstream } from './upstream/connect.ts';

/** The gateway as a process: configuration, dependencies, app, listeners; then drain on SIGTERM or SIGINT. */
async function main(env: NodeJS.ProcessEnv): Promise<void> {
  countBuffersAsHeap();
  const root = env.HEADGATE_ROOT ?? process.cwd();
  const dir = env.HEADGATE_CONFIG_DIR ?? resolve(root, 'config');
  const config = loadConfig({ dir, environment: env.HEADGATE_ENV ?? 'dev', env });
  const { gateway, listen, telemetry } = config;

  const logger = createLogger({ service: 'gateway', level: telemetry.log_level });
  const spans = await startTracing({
    service: 'gateway',
    version: packageJson.version,
    config: telemetry.tracing,
  });
  const metrics = createMetrics();
  const audit = await startAudit(config, { root, logger, metrics });
  const resilience = reportResilience({ logger, registry: metrics.registry, breakers: [] });
  const routing = fileRoutingSource(
    resolve(root, config.routing_file),
    reportRouting(logger, metrics, audit),
  );
  const keys = fileKeyStore(resolve(root, gateway.keys_file), reportKeys(logger, audit));
  const { predictor, inference, readiness } = connectUpstream({
    config,
    routing,
    readinessReport: reportReadiness(logger),
    resilience,
  });
  exposeState(metrics.registry, routing, readiness);
  const report = reportTokens(logger, metrics);
  const tokens = oidcVerifier({ config: gateway.oidc, fetch, clock: systemClock, report });
  const keyUses = createKeyUses(keys, systemClock);
  exposeIdentity(metrics.registry, keyUses, tokens.keySets);
  const records = await startRecords(config, { root, logger, metrics });

  let draining = false;
  const app = createApp({
    config: gateway,
    routing,
    predictor,
    inference,
    readiness,
    limiter: memoryLimiter(),
    keys,
    tokens,
    telemetry: createTelemetry({ logger, metrics, routing, keyUses }),
    audit: audit.sink,
    recorder: records.recorder,
    clientIp: clientIpOf(gateway.trusted_proxies),
    readBody: readIncoming,
    skipBody: skipIncoming,
    draining: () => draining,
    clock: systemClock,
  });
  const obstacles = () => obstaclesOf(routing, readiness, draining);
  const internalApp = createInternalApp({ obstacles, registry: metrics.registry });

  const { port_base, host, internal_host } = listen;
  const node = nodeOptions(gateway);
  const internalPort = portOf(port_base, 'gatewayInternal');
  await serveHttp({ fetch: internalApp.fetch, host: internal_host, port: internalPort, node });
  const server = await serveHttp({ fetch: app.fetch, host, port: portOf(port_base, 'gateway'), node });
  logger.info({ port: server.port, internal_port: internalPort }, 'gateway listens');

  await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  draining = true;
  logger.info('draining');
  await sleep(gateway.drain.delay_ms);
  const cut = await server.drain(gateway.drain.timeout_ms);
  logger[cut === 0 ? 'info' : 'warn']({ connections_cut: cut }, 'drained');
  await audit.stop();
  await records.stop();
  await spans.stop();
}

main(process.env).then(() => process.exit(0), exitWith);
