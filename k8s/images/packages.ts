import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The part of package-lock.json that is read here. */
export interface Lock {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

interface LockedPackage {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly link?: boolean;
}

/** Used by the post-install steps of onnxruntime-node and jpeg-turbo only, which this repository does not run. */
const INSTALL_ONLY = new Set(['adm-zip', 'global-agent', 'cmake-js', 'node-addon-api']);

/**
 * Folders of the packages and of everything that they depend on, as `node_modules/NAME`, sorted. Optional packages
 * count when they are installed: npm left out those of other platforms.
 *
 * @throws Error when a package is neither installed nor optional
 */
export function packageFolders(root: string, lock: Lock, names: readonly string[]): string[] {
  const found = new Set<string>();
  const add = (name: string, dependant: string, optional: boolean): void => {
    if (INSTALL_ONLY.has(name)) return;
    const folder = resolveFrom(dependant, name, lock);
    if (folder === undefined || !existsSync(join(root, folder))) {
      if (optional) return;
      throw new Error(`${name} is not installed; run npm ci`);
    }
    if (found.has(folder)) return;
    found.add(folder);
    const { dependencies, optionalDependencies, peerDependencies } = lock.packages[folder] ?? {};
    const mayLack = { ...optionalDependencies, ...peerDependencies };
    for (const next of Object.keys({ ...dependencies, ...mayLack })) add(next, folder, next in mayLack);
  };
  for (const name of names) add(name, '', false);
  return [...found].sort();
}

/** Node's rule: the nearest node_modules upwards. */
function resolveFrom(dependant: string, name: string, lock: Lock): string | undefined {
  for (let at = dependant; ; at = parentOf(at)) {
    const folder = join(at, 'node_modules', name);
    if (folder in lock.packages) return folder;
    if (at === '') return undefined;
  }
}

/** The folder that holds the node_modules which holds this package. */
function parentOf(folder: string): string {
  const at = folder.lastIndexOf('node_modules/');
  return at <= 0 ? '' : dirname(folder.slice(0, at + 'node_modules'.length));
}

export function readLock(root: string): Lock {
  return JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
}
