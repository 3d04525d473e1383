import { resolve } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import { MAX_IMAGE_SIDE } from '@headgate/contracts/limits';
import { systemClock } from '@headgate/runtime/clock';
import { openRegistry } from '@headgate/runtime/registry/mlflow';
import type { ResilienceReport } from '@headgate/runtime/resilience/report';
import { admissionPolicyOf } from '../admission/admission.ts';
import { layoutOf } from '../engine/parent/layout.ts';
import { type EngineOptions, startEngine } from '../engine/parent/process.ts';
import { chooseProvider, probeDevices, probeProvider } from '../engine/parent/provider.ts';
import type { Place } from '../engine/parent/slot.ts';
import type { Provider } from '../engine/protocol.ts';
import { loadErrorKind } from '../load-error.ts';
import { cacheDirOf, type InferenceOptions, modelsDirOf, TIMES } from '../options.ts';
import type { Statistics } from '../telemetry/statistics.ts';
import { Catalogue } from './catalogue.ts';
import { folderRepository } from './folder-repository.ts';
import { LoadGate } from './load-gate.ts';
import { RegistryRepository } from './registry-repository.ts';
import type { ModelPackage, ModelRepository, VersionName } from './repository.ts';
import { readTrust } from './trust.ts';
import { VersionCache } from './version-cache.ts';

/** Engines that load at the same time: each takes about a core from those that serve. */
const PARALLEL_LOADS = 2;

/** Scheduling niceness of engines: health and admission answer while all cores compute. */
const NICE = 5;

/**
 * The model versions, and where they come from.
 *
 * @throws LoadError when the required execution provider does not work
 */
export async function createCatalogue(
  options: InferenceOptions,
  statistics: Statistics,
  report: ResilienceReport,
) {
  const { log } = options;
  const { inference } = options.config;
  const { engine } = inference;
  const times = { ...TIMES, ...options.times };
  const provider = await provide(options);
  const machine = { cores: options.cores, provider };
  const repository = repositoryOf(options, () => catalogue, report);
  const catalogue: Catalogue = new Catalogue({
    repository,
    startEngine: async (model, place, signal) => {
      try {
        return await startEngine(engineOptions(options, { provider, model, place }), signal);
      } catch (error) {
        if (loadErrorKind(error) === 'digest') await repository.refused(model);
        throw error;
      }
    },
    devicesOf: (model) => layoutOf(inference, model, machine).devices,
    gate: new LoadGate(PARALLEL_LOADS),
    admission: admissionPolicyOf(inference),
    restartMinMs: times.restartMinMs,
    restartMaxMs: times.restartMaxMs,
    recycle: engine.recycle,
    drainTimeoutMs: inference.drain.timeout_ms,
    cacheOf: (name) =>
      Object.hasOwn(inference.cache.models, name) ? inference.cache.models[name] : undefined,
    serves: servedBy(options.config),
    countersOf: (model, version) => statistics.of(model, version),
    clock: systemClock,
    log,
  });
  return { catalogue, repository };
}

/** The models folder; behind it MLflow, where the configuration names one. */
function repositoryOf(
  options: InferenceOptions,
  catalogue: () => Catalogue,
  report: ResilienceReport,
): ModelRepository {
  const { config, root, log } = options;
  const trust = readTrust(config.inference.models_trust, (file) => resolve(root, file));
  const folder = folderRepository(modelsDirOf(options), trust);
  const registry = openRegistry(config, { root, report });
  if (!registry) return folder;
  const cache = new VersionCache(cacheDirOf(options), trust);
  const served = () => [...catalogue().all(), ...catalogue().retiring()];
  const isStaged = (name: VersionName) => catalogue().isStaged(name);
  return new RegistryRepository({ folder, cache, registry, trust, served, isStaged, log });
}

/** Pods of a serverless model serve it alone; all others leave it to them. */
function servedBy({ inference, serverless }: Config): (model: string) => boolean {
  const own = new Set(inference.serves);
  return (model) => (own.size > 0 ? own.has(model) : !Object.hasOwn(serverless, model));
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
