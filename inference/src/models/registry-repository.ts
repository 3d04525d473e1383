import { join } from 'node:path';
import { TAG } from '@headgate/contracts/registry';
import { type RegisteredVersion, RegistryError } from '@headgate/runtime/registry/mlflow';
import { LoadError, loadErrorKind } from '../load-error.ts';
import { type DownloadOptions, downloadVersion } from './download-version.ts';
import { LoadGate } from './load-gate.ts';
import { compareNames, isModelName, type ModelRepository, type VersionName } from './repository.ts';

export interface RegistryRepositoryOptions extends DownloadOptions {
  /** The models folder: what it has outranks the registry. */
  readonly folder: ModelRepository;
}

/** A list is asked for while somebody waits. */
const LIST_WITHIN_MS = 1000;
const DIGEST = /^[0-9a-f]{64}$/;

/**
 * Versions of the models folder, and those that are registered in MLflow, each downloaded once into a cache on disk
 * (decision 0110). A cached version is served while MLflow is away, and when it is gone there.
 */
export function registryRepository(options: RegistryRepositoryOptions): ModelRepository {
  const { folder, cache, registry, log } = options;
  const downloads = new LoadGate(1);

  /** @throws LoadError when MLflow does not offer the version, RegistryError when it does not say */
  const ask = async ({ model, version }: VersionName, signal?: AbortSignal) => {
    const registered = await registry.version(model, version, signal);
    const sha256 = registered && digestOf(registered);
    if (sha256) return { registered, sha256 };
    const why = registered
      ? `its tag ${TAG.manifest} is missing: register it again`
      : 'MLflow has none either';
    throw missing({ model, version }, why);
  };

  const openRegistered = async (name: VersionName, signal: AbortSignal) => {
    const wanted = await ask(name, signal).catch(expected);
    if (wanted instanceof Error) return openCached(name, wanted, signal);
    const cached = () => cache.find(name, wanted.sha256);
    const fetched = async () =>
      (await cached()) ?? (await downloadVersion(options, { ...wanted, ...name, signal }));
    return cache.open((await cached()) ?? (await downloads.run(fetched, { signal, urgent: false })), signal);
  };

  const openCached = async (name: VersionName, err: LoadError | RegistryError, signal: AbortSignal) => {
    const entry = await cache.find(name);
    if (!entry) throw err instanceof LoadError ? err : missing(name, err.message, err);
    log.warn({ ...name, err }, 'MLflow does not offer the version; the cached one is used');
    return cache.open(entry, signal);
  };

  return {
    async open(model, version, signal) {
      try {
        return await folder.open(model, version, signal);
      } catch (error) {
        const isHere = loadErrorKind(error) !== 'missing';
        if (isHere || !isModelName(model) || !isModelName(version)) throw error;
      }
      return openRegistered({ model, version }, signal);
    },
    async list() {
      const lists = await Promise.all([
        folder.list(),
        cache.entries(),
        registry.versions(AbortSignal.timeout(LIST_WITHIN_MS)).then(complete, () => []),
      ]);
      const names = lists
        .flat()
        .map(({ model, version }) => [`${model}/${version}`, { model, version }] as const);
      return [...new Map(names).values()].sort(
        (a, b) => compareNames(a.model, b.model) || compareNames(a.version, b.version),
      );
    },
    async isCurrent(opened) {
      const { name: model, version } = opened.manifest;
      if (!(await folder.isCurrent(opened))) return false;
      const entry = (await cache.entries()).find(
        ({ root }) => opened.directory === join(root, model, version),
      );
      if (!entry) return true;
      const wanted = await ask({ model, version }).catch(expected);
      return wanted instanceof Error ? wanted instanceof RegistryError : wanted.sha256 === entry.sha256;
    },
  };
}

function complete(versions: readonly RegisteredVersion[]): RegisteredVersion[] {
  return versions.filter((one) => digestOf(one) && isModelName(one.model) && isModelName(one.version));
}

/** Undefined while the registration is not complete. */
function digestOf({ tags }: RegisteredVersion): string | undefined {
  const sha256 = tags[TAG.manifest];
  return sha256 !== undefined && DIGEST.test(sha256) ? sha256 : undefined;
}

function expected(error: unknown): LoadError | RegistryError {
  if (error instanceof LoadError || error instanceof RegistryError) return error;
  throw error;
}

function missing({ model, version }: VersionName, why: string, cause?: unknown): LoadError {
  const message = `${model}/${version} is neither in the models folder nor in the cache, and ${why}`;
  return new LoadError(message, { kind: 'missing', cause });
}
