import { resolve } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import type { HeadgateError } from '@headgate/contracts/errors';
import { MAX_IMAGE_SIDE } from '@headgate/contracts/limits';
import { OTHER, portOf } from '@headgate/contracts/names';
import { type Routing, routingSchema } from '@headgate/contracts/routing';
import { startAudit } from '@headgate/journal/audit/start-audit';
import type { Logger } from '@headgate/runtime/logger';
import { stopAll } from '@headgate/runtime/stop-all';
import { startTracing } from '@headgate/runtime/tracing';
import { type WatchedFile, watchFile, yamlOf } from '@headgate/runtime/watch-file';
import { admissionPolicyOf } from './admission/admission.ts';
import { Auditor } from './auditor.ts';
import { systemClock } from './clock.ts';
import { layoutOf } from './engine/parent/layout.ts';
import { type EngineOptions, startEngine } from './engine/parent/process.ts';
import { chooseProvider, probeDevices, probeProvider } from './engine/parent/provider.ts';
import type { Place } from './engine/parent/slot.ts';
import type { Provider } from './engine/protocol.ts';
import { Health } from './health.ts';
import { createInternalHttp, listenGrpc, listenHttp } from './listen.ts';
import { Catalogue } from './models/catalogue.ts';
import { ChangeWatch } from './models/change-watch.ts';
import { ModelControl } from './models/control.ts';
import { folderRepository } from './models/folder-repository.ts';
import { LoadGate } from './models/load-gate.ts';
import type { ModelPackage } from './models/repository.ts';
import { readTrust } from './models/trust.ts';
import { createInfer } from './pipeline.ts';
import { createGrpcServer, drain, shutDown } from './server.ts';
import { inferenceService } from './service.ts';
import { InferStreams } from './stream-infer.ts';
import { Metrics } from './telemetry/metrics.ts';
import { startInferSpan, startNoSpan } from './telemetry/spans.ts';
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
  /** Tests shorten and stretch them. */
  readonly times?: Partial<typeof TIMES>;
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

/** A crashed engine is started again after a pause that doubles; the files of served versions are compared every 5 s. */
const TIMES = { restartMinMs: 100, restartMaxMs: 30_000, pollMs: 5000 };

/** Engines that load at the same time: each takes about a core from those that serve. */
const PARALLEL_LOADS = 2;

/** Scheduling niceness of engines: health and admission answer while all cores compute. */
const NICE = 5;

/** Elements of datatype BYTES in one message: each becomes an object. 8 ms to read; 4 million took 1.3 s and 0.6 GB. */
const MAX_STRINGS = 65_536;

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
  const { limits } = inference;
  const statistics = new Statistics(systemClock);
  const { catalogue, repository } = createCatalogue(options, {
    provider: await provide(options),
    statistics,
  });
  const metrics = new Metrics({ statistics, served: catalogue });
  const health = new Health(catalogue);
  catalogue.onChange(() => health.refresh());
  catalogue.onChange(() => statistics.sweep(catalogue));
  const mode = inference.model_control;
  const control = new ModelControl({ catalogue, repository, root: modelsDirOf(options), mode });
  const { pollMs } = { ...TIMES, ...options.times };
  const deployments = () => catalogue.all();
  const changes = new ChangeWatch({ deployments, repository, pollMs, clock: systemClock });
  const startSpan = config.telemetry.tracing.exporter === 'none' ? startNoSpan : startInferSpan;
  const infer = createInfer({
    catalogue,
    statistics,
    startSpan,
    maxStrings: MAX_STRINGS,
    clock: systemClock,
    log,
  });
  const defaultDeadlineMs = limits.default_deadline_ms;
  const serverVersion = SERVER_VERSION;
  const serving = { catalogue, control, statistics, health, infer, defaultDeadlineMs, serverVersion };
  const service = inferenceService(serving);
  const onRefused = (method: string, error: HeadgateError) => {
    const { reason: outcome, detail } = error;
    log.info({ method, outcome, detail }, 'a message was refused before it was read');
    if (method.endsWith('Infer')) statistics.callEnded(statistics.of(OTHER, OTHER), outcome, 0);
  };
  const auditLog = await startAudit(config, { root, logger: log, metrics }, SERVICE);
  const audit = new Auditor({ audit: auditLog.sink, epochMs: () => Date.now() });
  const streams = new InferStreams({ infer, defaultDeadlineMs, audit, onRefused });
  const grpc = createGrpcServer({ service, streams, health, limits, audit, onRefused });
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

function modelsDirOf({ config, root }: InferenceOptions): string {
  return resolve(root, config.inference.models_dir);
}

interface CatalogueParts {
  readonly provider: Provider;
  readonly statistics: Statistics;
}

/** The model versions, and where they come from. */
function createCatalogue(options: InferenceOptions, { provider, statistics }: CatalogueParts) {
  const { root, log } = options;
  const { inference } = options.config;
  const { engine } = inference;
  const times = { ...TIMES, ...options.times };
  const machine = { cores: options.cores, provider };
  const trust = readTrust(inference.models_trust, (file) => resolve(root, file));
  const repository = folderRepository(modelsDirOf(options), trust);
  const catalogue = new Catalogue({
    repository,
    startEngine: (model, place, signal) =>
      startEngine(engineOptions(options, { provider, model, place }), signal),
    devicesOf: (model) => layoutOf(inference, model, machine).devices,
    gate: new LoadGate(PARALLEL_LOADS),
    admission: admissionPolicyOf(inference),
    restartMinMs: times.restartMinMs,
    restartMaxMs: times.restartMaxMs,
    recycle: engine.recycle,
    drainTimeoutMs: inference.drain.timeout_ms,
    cacheOf: (name) =>
      Object.hasOwn(inference.cache.models, name) ? inference.cache.models[name] : undefined,
    countersOf: (model, version) => statistics.of(model, version),
    clock: systemClock,
    log,
  });
  return { catalogue, repository };
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
      maxSide: MAX_IMAGE_SIDE,
      nice: NICE,
    },
  };
}

function namesOf({ models }: Routing): string[] {
  return Object.entries(models).flatMap(([model, { versions }]) =>
    versions.map((version) => `${model}/${version}`),
  );
}
