import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { readRegularFile } from '@headgate/runtime/read-file';
import { LoadError } from '../load-error.ts';
import { folderRepository } from './folder-repository.ts';
import { MANIFEST_FILE, MAX_MANIFEST_BYTES } from './manifest.ts';
import type { ModelPackage, VersionName } from './repository.ts';
import type { Trust } from './trust.ts';

/** Of each model, so many versions that are not served stay on the disk: a rollback finds them there. */
const KEPT_UNUSED = 3;
const DIGEST = /^[0-9a-f]{64}$/;
const PARTIAL = /^\.partial-(\d+)-/;

/** A cached version: a repository of this version alone, in a folder with the digest of its manifest as its name. */
export interface Entry extends VersionName {
  readonly sha256: string;
  readonly root: string;
  readonly openedMs: number;
}

/**
 * Versions on the local disk that came from a registry. An entry is whole or not there: it is filled beside the others
 * and renamed. Nothing writes into it afterwards, so that a corrected version never changes files that an engine reads.
 */
export class VersionCache {
  readonly #dir: string;
  readonly #trust: Trust;

  constructor(dir: string, trust: Trust) {
    this.#dir = dir;
    this.#trust = trust;
  }

  /** The last opened first. Empty when there is no such folder. */
  async entries(): Promise<Entry[]> {
    const names = await readdir(this.#dir).catch(() => []);
    const entries = await Promise.all(
      names.filter((name) => DIGEST.test(name)).map((name) => this.#entry(name)),
    );
    return entries.flat().sort((a, b) => b.openedMs - a.openedMs);
  }

  /** @param sha256 of its manifest; undefined: whichever was opened last */
  async find({ model, version }: VersionName, sha256?: string): Promise<Entry | undefined> {
    return (await this.entries()).find(
      (entry) =>
        entry.model === model && entry.version === version && (sha256 ?? entry.sha256) === entry.sha256,
    );
  }

  /** @throws LoadError as `ModelRepository.open`; an entry with another manifest than it came with is removed */
  async open(entry: Entry, signal: AbortSignal): Promise<ModelPackage> {
    const { root, model, version, sha256 } = entry;
    const opened = await folderRepository(root, this.#trust).open(model, version, signal);
    const path = join(opened.directory, MANIFEST_FILE);
    const manifest = await readRegularFile(path, { maxBytes: MAX_MANIFEST_BYTES });
    if (createHash('sha256').update(manifest).digest('hex') !== sha256) {
      await this.#remove(entry);
      throw new LoadError(`${path} was changed in the cache; it is removed, to be downloaded again`, {
        kind: 'digest',
      });
    }
    const now = new Date();
    await utimes(root, now, now);
    return opened;
  }

  /** Adds an entry. @param fill writes its files below the folder that it is given, and syncs each */
  async add(name: VersionName, sha256: string, fill: (root: string) => Promise<void>): Promise<Entry> {
    const root = join(this.#dir, sha256);
    await mkdir(this.#dir, { recursive: true });
    await this.#removeLeftovers();
    const partial = await mkdtemp(this.#partial());
    try {
      await fill(partial);
      await rename(partial, root).catch((error: NodeJS.ErrnoException) => {
        // Another process that shares the folder was faster.
        if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
      });
      await using folder = await open(this.#dir, 'r');
      await folder.sync();
      return { ...name, sha256, root, openedMs: Date.now() };
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
  }

  /** Removes entries of versions that are not served, but the last opened ones of each model. */
  async prune(served: readonly VersionName[]): Promise<void> {
    const unused = (await this.entries()).filter(
      ({ model, version }) => !served.some((one) => one.model === model && one.version === version),
    );
    for (const ofModel of Map.groupBy(unused, ({ model }) => model).values()) {
      for (const entry of ofModel.slice(KEPT_UNUSED)) await this.#remove(entry);
    }
  }

  async #entry(sha256: string): Promise<Entry[]> {
    const root = join(this.#dir, sha256);
    const [[name], status] = await Promise.all([
      folderRepository(root).list(),
      stat(root).catch(() => undefined),
    ]);
    return name && status ? [{ ...name, sha256, root, openedMs: status.mtimeMs }] : [];
  }

  /** In two steps, so that a crash leaves no half entry. */
  async #remove({ root, sha256 }: Entry): Promise<void> {
    const away = `${this.#partial()}${sha256}`;
    await rename(root, away);
    await rm(away, { recursive: true, force: true });
  }

  /** What processes left that have ended; of this one too, which adds one entry at a time. */
  async #removeLeftovers(): Promise<void> {
    for (const name of await readdir(this.#dir)) {
      const pid = Number(PARTIAL.exec(name)?.[1]);
      if (pid === process.pid || (pid > 0 && !isAlive(pid))) {
        await rm(join(this.#dir, name), { recursive: true, force: true });
      }
    }
  }

  #partial(): string {
    return join(this.#dir, `.partial-${process.pid}-`);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
