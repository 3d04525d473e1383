import { manifestDigestOf, TAG } from '@headgate/contracts/registry';
import { type RegisteredVersion, RegistryError } from '@headgate/runtime/registry/mlflow';
import { LoadError, loadErrorKind } from '../load-error.ts';
import { type DownloadOptions, downloadVersion } from './download-version.ts';
import { LoadGate } from './load-gate.ts';
import {
  compareNames,
  isModelName,
  type ModelPackage,
  type ModelRepository,
  type VersionName,
} from './repository.ts';

export interface RegistryRepositoryOptions extends DownloadOptions {
  /** The models folder: MLflow is not asked for a version that lies there. */
  readonly folder: ModelRepository;
  /** Whether a version is loaded and gets no units. Its download must not hold up versions that get some. */
  readonly isStaged: (name: VersionName) => boolean;
}

/** A list is asked for while somebody waits. */
const LIST_WITHIN_MS = 1000;

/**
 * Versions of the models folder, and those that are registered in MLflow, each downloaded once into a cache on disk
 * (decision 0110). A cached version is served while MLflow is away, and when it is gone there.
 */
export class RegistryRepository implements ModelRepository {
  readonly #options: RegistryRepositoryOptions;
  readonly #downloads = new LoadGate(1);
  readonly #stagedDownloads = new LoadGate(1);
  /** Lets one download of a version run at a time, by the digest of its manifest: the next one finds it in the cache. */
  readonly #ofVersion = new Map<string, LoadGate>();

  constructor(options: RegistryRepositoryOptions) {
    this.#options = options;
  }

  async open(model: string, version: string, signal: AbortSignal): Promise<ModelPackage> {
    try {
      return await this.#options.folder.open(model, version, signal);
    } catch (error) {
      const isHere = loadErrorKind(error) !== 'missing';
      if (isHere || !isModelName(model) || !isModelName(version)) throw error;
    }
    return this.#openRegistered({ model, version }, signal);
  }

  async list(): Promise<readonly VersionName[]> {
    const { folder, cache, registry } = this.#options;
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
  }

  async isCurrent(opened: ModelPackage): Promise<boolean> {
    if (!(await this.#options.folder.isCurrent(opened))) return false;
    const entry = this.#options.cache.entryOf(opened);
    if (!entry) return true;
    const wanted = await this.#ask(entry).catch(expected);
    return wanted instanceof Error ? wanted instanceof RegistryError : wanted.sha256 === entry.sha256;
  }

  async refused(opened: ModelPackage): Promise<void> {
    const entry = this.#options.cache.entryOf(opened);
    if (entry) await this.#options.cache.removeDamaged(entry);
  }

  async #openRegistered(name: VersionName, signal: AbortSignal): Promise<ModelPackage> {
    const { cache } = this.#options;
    const wanted = await this.#ask(name, signal).catch(expected);
    if (wanted instanceof Error) return this.#openCached(name, wanted, signal);
    const cached = () => cache.find(name, wanted.sha256);
    const entry = await cached();
    try {
      if (entry) return await cache.open(entry, signal);
    } catch (error) {
      // MLflow may have a signature by now, or one of another key; the digest of the manifest is the same.
      if (entry && loadErrorKind(error) === 'signature') await cache.remove(entry);
      else if (await cached()) throw error;
    }
    const turn = { signal, urgent: false };
    const download = () => downloadVersion(this.#options, { ...wanted, ...name, signal });
    const fetched = async () => (await cached()) ?? (await this.#lane(name).run(download, turn));
    const ofVersion = this.#ofVersion.get(wanted.sha256) ?? new LoadGate(1);
    this.#ofVersion.set(wanted.sha256, ofVersion);
    return cache.open(await ofVersion.run(fetched, turn), signal);
  }

  #lane(name: VersionName): LoadGate {
    return this.#options.isStaged(name) ? this.#stagedDownloads : this.#downloads;
  }

  async #openCached(
    name: VersionName,
    err: LoadError | RegistryError,
    signal: AbortSignal,
  ): Promise<ModelPackage> {
    const { cache, log } = this.#options;
    const entry = await cache.find(name);
    if (!entry) throw err instanceof LoadError ? err : missing(name, err.message, err);
    log.warn({ ...name, err }, 'MLflow does not offer the version; the cached one is used');
    return cache.open(entry, signal);
  }

  /** @throws LoadError when MLflow does not offer the version, RegistryError when it does not say */
  async #ask({ model, version }: VersionName, signal?: AbortSignal) {
    const registered = await this.#options.registry.version(model, version, signal);
    const sha256 = registered && manifestDigestOf(registered);
    if (sha256) return { registered, sha256 };
    const why = registered
      ? `its tag ${TAG.manifest} is missing: register it again`
      : 'MLflow has none either';
    throw missing({ model, version }, why);
  }
}

function complete(versions: readonly RegisteredVersion[]): RegisteredVersion[] {
  return versions.filter(
    (one) => manifestDigestOf(one) && isModelName(one.model) && isModelName(one.version),
  );
}

function expected(error: unknown): LoadError | RegistryError {
  if (error instanceof LoadError || error instanceof RegistryError) return error;
  throw error;
}

function missing({ model, version }: VersionName, why: string, cause?: unknown): LoadError {
  const message = `${model}/${version} is neither in the models folder nor in the cache, and ${why}`;
  return new LoadError(message, { kind: 'missing', cause });
}
