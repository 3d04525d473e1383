import { resolve } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import type { HeadgateError } from '@headgate/contracts/errors';
import { portOf } from '@headgate/contracts/names';
import { type Routing, routingSchema } from '@headgate/contracts/routing';
import { startAudit } from '@headgate/journal/audit/start-audit';
import type { Logger } from '@headgate/runtime/logger';
import { stopAll } from '@headgate/runtime/stop-all';
import { startTracing } from '@headgate/runtime/tracing';
import { type WatchedFile, watchFile, yamlOf } from '@headgate/runtime/watch-file';
import { Auditor } from './auditor.ts';
import { systemClock } from './clock.ts';
import { drain } from './drain.ts';
import { layoutOf } from './engine/parent/layout.ts';
import { type EngineOptions, startEngine } from './engine/parent/process.ts';
import { chooseProvider, probeDevices, probeProvider } from './engine/parent/provider.ts';
import type { Place } from './engine/parent/slot.ts';
import type { Provider } from './engine/protocol.ts';
import { Health } from './health.ts';
import { createInternalHttp } from './internal-http.ts';
import { listenGrpc, listenHttp } from './listen.ts';
import { ChangeWatch } from './models/change-watch.ts';
import { ModelControl } from './models/control.ts';
import { folderRepository } from './models/folder-repository.ts';
import { LoadGate } from './models/load-gate.ts';
import { Catalogue } from './models/reconcile.ts';
import type { ModelPackage } from './models/repository.ts';
import { readTrust } from './models/trust.ts';
import { createInfer } from './pipeline.ts';
import { admissionPolicyOf } from './policy.ts';
import { createServeCall } from './serve-call.ts';
import { createGrpcServer, shutDown } from './server.ts';
import { inferenceService } from './service.ts';
import { InferStreams } from './stream-infer.ts';
import { Metrics, observeBatches } from './telemetry/metrics.ts';
import { startBatchSpan } from './telemetry/spans.ts';
import { Statistics } from './telemetry/statistics.ts';

export interface InferenceOptions {
  readonly config: Config;
  /** Base of the relative paths in the configuration. */
  readonly root: string;
  /** Environment of engine processes. */
  readonly env: NodeJS.ProcessEnv;
  readonly log: Logger;
  /** Module that engine processes run. */
  readonly engineEntry: URL;
  /** Cores that this process and its engines may use. */
  readonly cores: number;
}

/** A running inference process. */
export interface Inference {
  /** Not ready first, then finishes what was accepted, then ends the engines. Bounded by the drain timeouts. */
  stop(): Promise<void>;
  /** Loads anew what was changed in the model repository; what fails is served as it was. */
  reloadModels(): Promise<void>;
}

const SERVICE = 'inference';
const SERVER_VERSION = '0.1.0';

/**
 * Starts everything: listeners first, so that health answers while models load.
 *
 * @throws LoadError when the required execution provider does not work, FileError when there is no usable routing
 * table, PortTakenError
 */
export async function startInference(options: InferenceOptions): Promise<Inference> {
  const { config, root, log } = options;
  const { listen, inference } = config;
  const tracing = await startTracing({
    service: SERVICE,
    version: SERVER_VERSION,
    config: config.telemetry.tracing,
  });
  const serving = createServing(options, await provide(options));
  const { catalogue, control, changes, metrics, health } = serving;
  const { limits, connection } = inference;
  const infer = createInfer({
    find: (model, version) => catalogue.serving(model, version),
    maxStrings: limits.message_strings,
    clock: systemClock,
    observer: metrics,
  });
  const serve = createServeCall({ infer, metrics, log });
  const defaultDeadlineMs = limits.default_deadline_ms;
  const service = inferenceService({ ...serving, serve, defaultDeadlineMs, serverVersion: SERVER_VERSION });
  const onRefused = (method: string, error: HeadgateError) => {
    log.info(
      { method, outcome: error.reason, detail: error.detail },
      'a message was refused before it was read',
    );
    if (method !== 'ModelInfer' && method !== 'ModelStreamInfer') return;
    metrics.requestFinished({ model: '', version: '', outcome: error.reason, durationMs: 0 });
  };
  const auditLog = await startAudit(config, { root, logger: log, metrics }, SERVICE);
  const audit = new Auditor({ audit: auditLog.sink, epochMs: () => Date.now() });
  const streams = new InferStreams({ serve, defaultDeadlineMs, audit, onRefused });
  const grpc = createGrpcServer({ service, streams, health, limits, connection, audit, onRefused });
  const http = createInternalHttp({ isReady: () => health.isReady, metrics });
  const routing = followRouting(resolve(root, config.routing_file), { catalogue, metrics, log });
  await listenHttp(http, listen.internal_host, portOf(listen.port_base, 'inferenceInternal'));
  await listenGrpc(grpc, listen.host, portOf(listen.port_base, 'inferenceGrpc'));
  catalogue.apply(routing.current());
  return {
    async reloadModels() {
      await changes.check();
      log.info({ versions: await control.reloadChanged() }, 'models were loaded anew');
    },
    stop: () =>
      drain({
        announce: () => health.drain(),
        delayMs: inference.drain.delay_ms,
        clock: systemClock,
        close: () =>
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
          ]),
      }),
  };
}

/** Serves what the routing table names, live. @throws FileError when its first version is not usable */
function followRouting(path: string, { catalogue, metrics, log }: RoutingFollowers): WatchedFile<Routing> {
  return watchFile(path, yamlOf(routingSchema), {
    onChange: (table) => {
      metrics.routingReloaded('accepted');
      log.info({ versions: namesOf(table) }, 'the routing table has changed');
      catalogue.apply(table);
    },
    onError: (error) => {
      metrics.routingReloaded('refused');
      log.error({ issues: error.issues }, 'the routing table is refused; the last good one stays');
    },
  });
}

interface RoutingFollowers {
  readonly catalogue: Catalogue;
  readonly metrics: Metrics;
  readonly log: Logger;
}

function provide({ config, engineEntry, log }: InferenceOptions): Promise<Provider> {
  const { execution, models } = config.inference;
  return chooseProvider(execution, async (provider) => {
    const devices = new Set([execution, ...Object.values(models)].flatMap(({ devices = [] }) => devices));
    const result = await probeDevices([...devices], (device) => probeProvider(engineEntry, provider, device));
    log.info({ provider, devices: [...devices], ...result }, 'execution provider probed');
    return result;
  });
}

/** The model versions, and what watches them. */
function createServing(options: InferenceOptions, provider: Provider) {
  const { config, root, log } = options;
  const { inference } = config;
  const { engine } = inference;
  const machine = { cores: options.cores, provider };
  const modelsDir = resolve(root, inference.models_dir);
  const trust = readTrust(inference.models_trust, (file) => resolve(root, file));
  const repository = folderRepository(modelsDir, trust);
  const gate = new LoadGate(engine.parallel_loads);
  const catalogue = new Catalogue({
    repository,
    startEngine: (model, place, signal) =>
      startEngine(engineOptions(options, { provider, model, place }), signal),
    devicesOf: (model) => layoutOf(inference, model, machine).devices,
    gate,
    admission: admissionPolicyOf(inference),
    restartMinMs: engine.restart_min_ms,
    restartMaxMs: engine.restart_max_ms,
    recycle: engine.recycle,
    drainTimeoutMs: inference.drain.timeout_ms,
    cacheOf: (name) =>
      Object.hasOwn(inference.cache.models, name) ? inference.cache.models[name] : undefined,
    clock: systemClock,
    log,
    observe: (model, version) =>
      statistics.countingRuns(model, version, observeBatches(metrics, startBatchSpan)(model, version)),
    onLoadFailed: (...args) => statistics.loadFailed(...args),
    onChange: () => {
      health.refresh();
      metrics.sweep();
    },
  });
  const statistics = new Statistics(catalogue, systemClock);
  const metrics = new Metrics(catalogue, statistics);
  const health = new Health(catalogue);
  const mode = inference.model_control;
  const control = new ModelControl({ catalogue, repository, root: modelsDir, mode });
  const changes = new ChangeWatch({
    deployments: () => catalogue.all(),
    repository,
    pollMs: inference.models_poll_ms,
    clock: systemClock,
  });
  return { catalogue, control, changes, metrics, statistics, health };
}

interface EngineStart {
  readonly provider: Provider;
  readonly model: ModelPackage;
  readonly place: Place;
}

function engineOptions(options: InferenceOptions, { provider, model, place }: EngineStart): EngineOptions {
  const { inference } = options.config;
  const { execution, engine, limits } = inference;
  const { manifest, directory } = model;
  const { devices: _, ...threads } = layoutOf(inference, manifest.name, { cores: options.cores, provider });
  return {
    entry: options.engineEntry,
    env: options.env,
    log: options.log,
    startTimeoutMs: engine.start_timeout_ms,
    runTimeoutMs: engine.run_timeout_ms,
    memoryLimitBytes: engine.memory_limit_bytes,
    spec: {
      directory,
      manifest: { ...manifest, batching: { ...manifest.batching, max_batch_size: place.maxBatchSize } },
      sampleDirs: [resolve(options.root, 'samples'), directory],
      provider,
      deviceId: place.deviceId,
      tf32: execution.tf32,
      ...threads,
      maxPixels: limits.image_pixels,
      maxSide: limits.image_side,
      nice: engine.nice,
    },
  };
}

function namesOf({ models }: Routing): string[] {
  return Object.entries(models).flatMap(([model, { versions }]) =>
    versions.map((version) => `${model}/${version}`),
  );
}
