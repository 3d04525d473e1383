import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { LoadError } from '../load-error.ts';
import { folderRepository } from './folder-repository.ts';
import { MANIFEST_FILE, readManifest } from './manifest.ts';
import { areWhole, registeredFiles } from './registered-files.ts';
import type { ModelPackage, VersionName } from './repository.ts';
import { TRUST_ALL, type Trust } from './trust.ts';

/** Of each model, so many versions that are not served stay on the disk: a rollback finds them there. */
const KEPT_UNUSED = 3;
const ENTRY = /^[0-9a-f]{64}$/;
/** An entry that comes or goes. */
const PARTIAL = '.partial-';

/** A cached version: a repository of this version alone, in a folder with the digest of its manifest as its name. */
export interface Entry extends VersionName {
  readonly sha256: string;
  readonly root: string;
}

/**
 * Versions on the local disk that came from a registry. An entry is whole or not there: it is filled beside the others
 * and renamed. Nothing writes into it afterwards, so that a corrected version never changes files that an engine reads.
 * The folder is of one process.
 */
export class VersionCache {
  readonly #dir: string;
  readonly #trust: Trust;
  #sweep: Promise<void> | undefined;

  constructor(dir: string, trust: Trust) {
    this.#dir = dir;
    this.#trust = trust;
  }

  /** The last opened first. Empty when there is no such folder. */
  async entries(): Promise<Entry[]> {
    const names = await readdir(this.#dir).catch(() => []);
    const entries = await Promise.all(
      names.filter((name) => ENTRY.test(name)).map((name) => this.#entry(name)),
    );
    return entries
      .flat()
      .sort((a, b) => b.openedMs - a.openedMs)
      .map(({ entry }) => entry);
  }

  /** @param sha256 of its manifest; undefined: whichever was opened last */
  async find({ model, version }: VersionName, sha256?: string): Promise<Entry | undefined> {
    return (await this.entries()).find(
      (entry) =>
        entry.model === model && entry.version === version && (sha256 ?? entry.sha256) === entry.sha256,
    );
  }

  /** The entry that a package was opened from; undefined when it came from another place. */
  entryOf({ directory, manifest, manifestSha256: sha256 }: ModelPackage): Entry | undefined {
    const entry = { model: manifest.name, version: manifest.version, sha256, root: join(this.#dir, sha256) };
    return directoryOf(entry) === directory ? entry : undefined;
  }

  /** @throws LoadError as `ModelRepository.open`; an entry that was damaged is removed */
  async open(entry: Entry, signal: AbortSignal): Promise<ModelPackage> {
    const { root, model, version, sha256 } = entry;
    try {
      const opened = await folderRepository(root, this.#trust).open(model, version, signal);
      if (opened.manifestSha256 !== sha256) {
        const path = join(opened.directory, MANIFEST_FILE);
        throw new LoadError(`${path} was changed in the cache`, { kind: 'digest' });
      }
      const now = new Date();
      await utimes(root, now, now);
      return opened;
    } catch (error) {
      if (error instanceof LoadError) await this.removeDamaged(entry);
      throw error;
    }
  }

  /** Removes an entry whose files are not those that it came with. Reads all of them. */
  async removeDamaged(entry: Entry): Promise<void> {
    const directory = directoryOf(entry);
    const read = await readManifest(directory, entry, TRUST_ALL).catch(() => undefined);
    const isAsRegistered = read?.sha256 === entry.sha256;
    if (!isAsRegistered || !(await areWhole(directory, registeredFiles(read.manifest))))
      await this.remove(entry);
  }

  /** Adds an entry. @param fill writes its files below the folder that it is given, and syncs each */
  async add(name: VersionName, sha256: string, fill: (root: string) => Promise<void>): Promise<Entry> {
    const entry = { ...name, sha256, root: join(this.#dir, sha256) };
    await mkdir(this.#dir, { recursive: true });
    // A leftover that cannot be removed takes room, and does no other harm.
    this.#sweep ??= this.#removeLeftovers().catch(() => undefined);
    await this.#sweep;
    const partial = await mkdtemp(join(this.#dir, PARTIAL));
    try {
      await fill(partial);
      // What has lost its manifest stands in no list.
      await this.remove(entry);
      await rename(partial, entry.root);
      await using folder = await open(this.#dir, 'r');
      await folder.sync();
      return entry;
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
  }

  /** In two steps, so that a crash leaves no half entry. */
  async remove({ root, sha256 }: Pick<Entry, 'root' | 'sha256'>): Promise<void> {
    const away = join(this.#dir, `${PARTIAL}${sha256}-${randomUUID()}`);
    try {
      await rename(root, away);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    await rm(away, { recursive: true, force: true });
  }

  /** Removes entries of versions that are not served, but the last opened ones of each model. */
  async prune(served: readonly VersionName[]): Promise<void> {
    const unused = (await this.entries()).filter(
      ({ model, version }) => !served.some((one) => one.model === model && one.version === version),
    );
    for (const ofModel of Map.groupBy(unused, ({ model }) => model).values()) {
      for (const entry of ofModel.slice(KEPT_UNUSED)) await this.remove(entry);
    }
  }

  async #entry(sha256: string): Promise<{ entry: Entry; openedMs: number }[]> {
    const root = join(this.#dir, sha256);
    const [[name], status] = await Promise.all([
      folderRepository(root).list(),
      stat(root).catch(() => undefined),
    ]);
    return name && status ? [{ entry: { ...name, sha256, root }, openedMs: status.mtimeMs }] : [];
  }

  /** What an ended process left. */
  async #removeLeftovers(): Promise<void> {
    for (const name of await readdir(this.#dir)) {
      if (name.startsWith(PARTIAL)) await rm(join(this.#dir, name), { recursive: true, force: true });
    }
  }
}

/** The folder that `ModelPackage.directory` names. */
function directoryOf({ root, model, version }: Entry): string {
  return join(root, model, version);
}
