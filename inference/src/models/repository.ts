import type { Manifest } from '@headgate/contracts/manifest';

/** A model version on the local disk. */
export interface ModelPackage {
  readonly directory: string;
  readonly manifest: Manifest;
  /** Digest of `manifest.yaml` as it was read, as hex: the manifest holds the digests of all other files. */
  readonly manifestSha256: string;
  /** Label of each class id; empty for models that are not classifiers. */
  readonly labels: readonly string[];
  /** What the repository remembers to tell later whether this is still what it holds. */
  readonly stamp: string;
}

export interface VersionName {
  readonly model: string;
  readonly version: string;
}

/**
 * Where model versions come from: a folder here, a registry with a cache on disk elsewhere. What every source
 * promises is tested by `describeRepository`.
 */
export interface ModelRepository {
  /**
   * Makes a version available on the local disk, as a whole, and reads its manifest and labels. The model file and
   * its external data are verified by the engine that loads them.
   *
   * Each call reads the disk, so that it finds a corrected version.
   *
   * @param signal ends downloads of a version that is no longer wanted
   * @throws LoadError with what is missing or wrong; the signal's reason once it is aborted
   */
  open(model: string, version: string, signal: AbortSignal): Promise<ModelPackage>;
  /**
   * Every version that is complete, whether it can be loaded or not; sorted by model, then from old to new. Empty
   * when the source cannot be reached.
   */
  list(): Promise<readonly VersionName[]>;
  /**
   * Whether `open` would give the same package again. Asked every few seconds for each served version, so it must
   * not read whole models. True when the source cannot tell right now.
   */
  isCurrent(opened: ModelPackage): Promise<boolean>;
  /** An engine refused a file by its digest. A copy of another source is dropped when it was damaged, so that `open` makes a new one. */
  refused(opened: ModelPackage): Promise<void>;
}

/** Names that can stand in a routing table; nothing else is looked up, so that no name leads out of a repository. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export function isModelName(name: string): boolean {
  return NAME.test(name);
}

/** One for all: an order made for each comparison takes 50 times as long. */
const ORDER = new Intl.Collator('en', { numeric: true });

/** The order of a repository: by model, then by version, numbers by their value. */
export function compareNames(a: string, b: string): number {
  return ORDER.compare(a, b);
}
