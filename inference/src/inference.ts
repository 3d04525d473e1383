import type { HeadgateError } from '@headgate/contracts/errors';
import { OTHER, portOf } from '@headgate/contracts/names';
import type { Routing } from '@headgate/contracts/routing';
import { startAudit } from '@headgate/journal/audit/start-audit';
import { systemClock } from '@headgate/runtime/clock';
import { readInternalSecret } from '@headgate/runtime/internal-secret';
import { type Logger, successSampler } from '@headgate/runtime/logger';
import { reportResilience } from '@headgate/runtime/resilience/metrics';
import type { ResilienceReport } from '@headgate/runtime/resilience/report';
import { followRouting, type RoutingReport } from '@headgate/runtime/routing/follow-routing';
import { stopAll } from '@headgate/runtime/stop-all';
import { startTracing } from '@headgate/runtime/tracing';
import { Registry } from 'prom-client';
import { Auditor } from './auditor.ts';
import { Health } from './health.ts';
import { createInternalHttp, listenGrpc, listenHttp } from './listen.ts';
import type { Catalogue } from './models/catalogue.ts';
import { ChangeWatch } from './models/change-watch.ts';
import { ModelControl } from './models/control.ts';
import { createCatalogue } from './models/create-catalogue.ts';
import { cacheDirOf, type InferenceOptions, modelsDirOf, TIMES } from './options.ts';
import { createInfer } from './pipeline.ts';
import { createGrpcServer, drain, shutDown } from './server.ts';
import { inferenceService } from './service.ts';
import { InferStreams } from './stream-infer.ts';
import { Metrics } from './telemetry/metrics.ts';
import { startInferSpan, startNoSpan } from './telemetry/spans.ts';
import { Statistics } from './telemetry/statistics.ts';

/** A running inference process. */
export interface Inference {
  /** Not ready first, then finishes what was accepted, then ends the engines. Bounded by the drain timeouts. */
  stop(): Promise<void>;
  /** Reloads versions that changed in the model repository; one that fails is served as it was. */
  reloadModels(): Promise<void>;
}

const SERVICE = 'inference';
const SERVER_VERSION = '0.1.0';

/** Elements of datatype BYTES in one message: each becomes an object. 8 ms to read; 4 million took 1.3 s and 0.6 GB. */
const MAX_STRINGS = 65_536;

/** Calls that a stream carries when the drain begins are still read and answered, in ms: they wait in a socket. */
const IN_TRANSIT_MS = 100;

/**
 * Starts everything: listeners first, so that health answers while models load.
 *
 * @throws ConfigError when the internal secret cannot be read, LoadError when the required execution provider does not work, FileError when there is no usable routing
 * table, PortTakenError
 */
export async function startInference(options: InferenceOptions): Promise<Inference> {
  const { config, root, log } = options;
  const { listen, inference } = config;
  const tracing = await startTracing({
    service: SERVICE,
    version: SERVER_VERSION,
    config: config.telemetry.tracing,
    warn: (message) => log.warn(message),
  });
  const statistics = new Statistics(systemClock);
  const registry = new Registry();
  const breakers = config.registry.url === '' ? [] : (['registry'] as const);
  const resilience = reportResilience({ logger: log, registry, breakers });
  const { catalogue, repository, control, changes } = await createModels(options, statistics, resilience);
  const metrics = new Metrics({ statistics, served: catalogue }, registry);
  const health = new Health(catalogue);
  catalogue.onChange(() => health.refresh());
  catalogue.onChange(() => statistics.sweep(catalogue));
  const auditLog = await startAudit(config, { root, logger: log, metrics }, SERVICE);
  const audit = new Auditor({ audit: auditLog.sink, epochMs: () => Date.now() });
  const { grpc, streams } = createGrpc(options, { catalogue, control, statistics, health, audit });
  const http = createInternalHttp({ isReady: () => health.isReady, metrics, repository, control });
  const report = reportRouting({ catalogue, metrics, log });
  const routing = await followRouting({ config, root, env: options.env, report });
  metrics.exposeRouting(routing);
  await listenHttp(http, listen.internal_host, portOf(listen.port_base, 'inferenceInternal'));
  await listenGrpc(grpc, listen.internal_host, portOf(listen.port_base, 'inferenceGrpc'));
  catalogue.apply(routing.current());
  const close = () =>
    stopAll([
      () => routing.stop(),
      () => changes.stop(),
      () => health.close(),
      () => streams.drain(),
      () => shutDown(grpc, inference.drain.timeout_ms),
      () => auditLog.stop(),
      () => catalogue.close(),
      () => http.close(),
      () => http.closeAllConnections(),
      () => tracing.stop(),
    ]);
  const delayMs = Math.max(inference.drain.delay_ms, IN_TRANSIT_MS);
  return {
    async reloadModels() {
      await changes.check();
      log.info({ versions: await control.reloadChanged() }, 'models were reloaded');
    },
    stop: () => drain({ announce: () => health.drain(), delayMs, clock: systemClock, close }),
  };
}

/** The versions, what operators ask of them, and the watch for changes of their files. @throws LoadError */
async function createModels(options: InferenceOptions, statistics: Statistics, resilience: ResilienceReport) {
  const { catalogue, repository } = await createCatalogue(options, statistics, resilience);
  const mode = options.config.inference.model_control;
  const roots = [modelsDirOf(options), cacheDirOf(options)];
  const { pollMs } = { ...TIMES, ...options.times };
  const deployments = () => catalogue.all();
  return {
    catalogue,
    repository,
    control: new ModelControl({ catalogue, repository, roots, mode }),
    changes: new ChangeWatch({ deployments, repository, pollMs, clock: systemClock }),
  };
}

interface GrpcParts {
  readonly catalogue: Catalogue;
  readonly control: ModelControl;
  readonly statistics: Statistics;
  readonly health: Health;
  readonly audit: Auditor;
}

/** The gRPC server with every call of its service; listens nowhere yet. @throws ConfigError */
function createGrpc({ config, root, log }: InferenceOptions, parts: GrpcParts) {
  const { catalogue, statistics, health, audit } = parts;
  const { limits } = config.inference;
  const secret = readInternalSecret(config.listen, root);
  const infer = createInfer({
    catalogue,
    statistics,
    startSpan: config.telemetry.tracing.exporter === 'none' ? startNoSpan : startInferSpan,
    maxStrings: MAX_STRINGS,
    maxPixels: limits.image_pixels,
    maxAnswerBytes: limits.message_bytes,
    clock: systemClock,
    log,
    logsSuccess: successSampler(config.telemetry.success_ratio),
  });
  const defaultDeadlineMs = limits.default_deadline_ms;
  const onRefused = (method: string, error: HeadgateError) => {
    const { reason: outcome, detail } = error;
    log.info({ method, outcome, detail }, 'a message was refused before it was read');
    if (method.endsWith('Infer')) statistics.callEnded(statistics.of(OTHER, OTHER), outcome, 0);
  };
  const service = inferenceService({ ...parts, infer, defaultDeadlineMs, serverVersion: SERVER_VERSION });
  const streams = new InferStreams({ infer, defaultDeadlineMs, audit, onRefused });
  return { grpc: createGrpcServer({ service, streams, health, limits, audit, secret, onRefused }), streams };
}

/** Serves what the routing table names, live. */
function reportRouting({ catalogue, metrics, log }: RoutingFollowers): RoutingReport {
  return {
    accepted: (table) => {
      metrics.routingReloaded('accepted');
      log.info({ versions: namesOf(table) }, 'the routing table has changed');
      catalogue.apply(table);
    },
    refused: ({ issues }) => {
      metrics.routingReloaded('refused');
      log.error({ issues }, 'the routing table is refused; the last good one stays');
    },
    lost: (err) =>
      log.warn({ err }, 'the ConfigMap of the routing table cannot be followed; its last table stays'),
    found: () => log.info('the ConfigMap of the routing table is followed again'),
  };
}

interface RoutingFollowers {
  readonly catalogue: Catalogue;
  readonly metrics: Metrics;
  readonly log: Logger;
}

function namesOf({ models }: Routing): string[] {
  return Object.entries(models).flatMap(([model, { versions }]) =>
    versions.map((version) => `${model}/${version}`),
  );
}
