import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Not inputs: files that tools generate, or that only tests read. */
const IGNORED = /^(node_modules|dist|coverage|__pycache__|\..*|.*\.test\.ts|test_.*\.py|.*\.pyc)$/;

/**
 * SHA-256 over the names and contents of files, and over further values, in hex. Folders count with everything
 * below them, except tests and what tools make; a file that does not exist counts as such.
 *
 * @param {string} root
 * @param {readonly string[]} inputs paths relative to `root`
 * @param {readonly string[]} [values]
 */
export function digestOf(root, inputs, values = []) {
  const hash = createHash('sha256');
  for (const value of values) hash.update(`value ${JSON.stringify(value)}\n`);
  for (const path of inputs) addPath(hash, root, path);
  return hash.digest('hex');
}

/**
 * @param {import('node:crypto').Hash} hash
 * @param {string} root
 * @param {string} path
 */
function addPath(hash, root, path) {
  const full = join(root, path);
  const stat = statSync(full, { throwIfNoEntry: false });
  if (stat?.isDirectory()) {
    for (const name of readdirSync(full).sort())
      if (!IGNORED.test(name)) addPath(hash, root, `${path}/${name}`);
    return;
  }
  hash.update(`file ${JSON.stringify(path)} ${stat?.size ?? 'missing'}\n`);
  if (stat) hash.update(readFileSync(full));
}

/**
 * Sizes in bytes of output files, by path.
 *
 * @param {string} root
 * @param {readonly string[]} outputs paths relative to `root`
 * @returns {Record<string, number> | undefined} undefined when one is missing
 */
export function sizesOf(root, outputs) {
  /** @type {Record<string, number>} */
  const sizes = {};
  for (const path of outputs) {
    const stat = statSync(join(root, path), { throwIfNoEntry: false });
    if (!stat) return undefined;
    sizes[path] = stat.isDirectory() ? 0 : stat.size;
  }
  return sizes;
}
