import {
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/**
 * A Secret as the kubelet mounts it: `tls.crt` -> `..data/tls.crt`, `..data` -> a directory of this version. A new version
 * is a new directory, and one rename of the link `..data`; no file is ever written again.
 */
export class SecretVolume {
  readonly #dir: string;
  #version = 0;

  /** @param dir made here */
  constructor(dir: string) {
    this.#dir = dir;
    mkdirSync(dir, { recursive: true });
  }

  /** The steps of Kubernetes' AtomicWriter (pkg/volume/util/atomic_writer.go), in its order. */
  put(files: Readonly<Record<string, string>>): void {
    const link = join(this.#dir, '..data');
    const before = readdirSync(this.#dir).includes('..data') ? readlinkSync(link) : undefined;
    this.#version += 1;
    const version = `..2026_11_30_${this.#version}`;
    mkdirSync(join(this.#dir, version));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.#dir, version, name), text);
    symlinkSync(version, `${link}_tmp`);
    renameSync(`${link}_tmp`, link);
    if (before === undefined) {
      for (const name of Object.keys(files)) symlinkSync(join('..data', name), join(this.#dir, name));
    } else rmSync(join(this.#dir, before), { recursive: true });
  }
}
