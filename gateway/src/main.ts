import { once } from 'node:events';
import { resolve } from 'node:path';
import { startAudit } from '@headgate/journal/audit/start-audit';
import { countBuffersAsHeap } from '@headgate/runtime/buffers';
import { systemClock } from '@headgate/runtime/clock';
import { loadConfig } from '@headgate/runtime/load-config';
import { successSampler } from '@headgate/runtime/logger';
import { refuseUnready, warningsFor } from '@headgate/runtime/production/requirements';
import { followRouting } from '@headgate/runtime/routing/follow-routing';
import { stopAll } from '@headgate/runtime/stop-all';
import { createApp } from './app.ts';
import { startIdentity } from './auth/start-identity.ts';
import { startCapture } from './capture/start-capture.ts';
import { clientIpOf } from './client-ip.ts';
import { exitWith } from './exit.ts';
import { createInternalApp, obstaclesOf } from './internal.ts';
import { listen } from './listeners.ts';
import { startLimiter } from './rate-limit/start-limiter.ts';
import { nodeHost } from './server.ts';
import { exposeParking, reportParking } from './serverless/parking-metrics.ts';
import { startShadows } from './shadow/start-shadows.ts';
import { startRecords } from './store/start-records.ts';
import { startSurroundings } from './surroundings.ts';
import { createTelemetry } from './telemetry/create-telemetry.ts';
import { exposeState } from './telemetry/metrics.ts';
import { reportReadiness, reportRouting } from './telemetry/reports.ts';
import { connectUpstream } from './upstream/connect.ts';

/** The gateway as a process: configuration, dependencies, app, listeners; then drain on SIGTERM or SIGINT. */
async function main(env: NodeJS.ProcessEnv): Promise<void> {
  countBuffersAsHeap();
  const root = env.HEADGATE_ROOT ?? process.cwd();
  const dir = env.HEADGATE_CONFIG_DIR ?? resolve(root, 'config');
  const config = loadConfig({ dir, environment: env.HEADGATE_ENV ?? 'dev', env });
  refuseUnready(config, root, 'gateway');
  const { spans, ...surroundings } = await startSurroundings(config, root);
  const { logger, metrics } = surroundings;
  for (const warning of warningsFor(config, 'gateway')) logger.warn(warning);

  const audit = await startAudit(config, surroundings);
  const routingReport = reportRouting(logger, metrics, audit);
  const routing = await followRouting({ config, root, env, report: routingReport });
  routingReport.accepted(routing.current());
  const { keyUses, lockouts, ...identity } = startIdentity(config, surroundings, audit);
  const readinessReport = reportReadiness(logger);
  const parkingReport = reportParking(metrics.registry);
  const upstream = connectUpstream({ ...surroundings, config, routing, readinessReport, parkingReport });
  exposeState(metrics.registry, routing, upstream.readiness);
  exposeParking(metrics.registry, upstream.parking);
  const captures = await startCapture(config, surroundings);
  const records = await startRecords(config, { ...surroundings, capture: captures?.capture });
  const shadows = startShadows({ ...upstream, ...records, metrics });
  const quotas = await startLimiter(config, surroundings);

  const logsSuccess = successSampler(config.telemetry.success_ratio);
  const clientIp = clientIpOf(surroundings);
  const host = nodeHost();
  let draining = false;
  const app = createApp({
    config: config.gateway,
    routing,
    ...upstream,
    ...identity,
    limiter: quotas.limiter,
    telemetry: createTelemetry({ logger, metrics, logsSuccess, routing, keyUses, lockouts }),
    audit: audit.sink,
    recorder: records.recorder,
    shadows,
    clientIp,
    ...host,
    draining: () => draining,
    clock: systemClock,
  });
  const obstacles = () => obstaclesOf(routing, upstream, draining);
  const internalApp = createInternalApp({ obstacles, registry: metrics.registry, ...host });

  const listeners = await listen(config, { app, internalApp, clientIp }, logger);
  await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  draining = true;
  const stopCaptures = () => captures?.stop();
  await stopAll([
    listeners.drain,
    routing.stop,
    quotas.stop,
    audit.stop,
    stopCaptures,
    () => shadows.stop(),
    records.stop,
    spans.stop,
  ]);
}

main(process.env).then(() => process.exit(0), exitWith);
