/**
 * Completes package-lock.json with the optional packages of other platforms (`npm run lock:complete`).
 *
 * A registry mirror may lack the build of a tool for another platform. npm then leaves that optional dependency out
 * of the lock file, and `npm ci` refuses such a file everywhere. The rows written here hold name, version and
 * platform, which is all that `npm ci` needs to skip them; on the named platform npm fetches them without a digest.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const OS = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
];
const CPU = ['arm64', 'arm', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'wasm32', 'x64'];
/** @type {Record<string, string>} */
const ALIASES = { windows: 'win32', linuxmusl: 'linux', armv7: 'arm', wasm: 'wasm32', ppc64le: 'ppc64' };

/**
 * @typedef {{ version?: string, dev?: boolean, optional?: boolean, optionalDependencies?: Record<string, string> }} LockEntry
 * @typedef {{ packages: Record<string, LockEntry> }} Lock
 */

/**
 * Rows for every optional dependency with an exact version that the lock file names but does not list.
 *
 * @param {Lock} lock
 * @returns {Record<string, LockEntry & { os?: string[], cpu?: string[] }>}
 */
export function missingRows(lock) {
  /** @type {ReturnType<typeof missingRows>} */
  const rows = {};
  for (const [path, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const listed = lock.packages[`${path}/node_modules/${name}`] ?? lock.packages[`node_modules/${name}`];
      const platform = platformOf(name);
      if (listed || platform === undefined || !/^\d/.test(version)) continue;
      rows[`node_modules/${name}`] = {
        version,
        ...platform,
        ...(entry.dev ? { dev: true } : {}),
        optional: true,
      };
    }
  }
  return rows;
}

/**
 * `os` and `cpu` from a name such as `@biomejs/cli-linux-x64-musl`; undefined when it names no platform.
 *
 * @param {string} name
 */
function platformOf(name) {
  const words = name.split(/[/-]/).map((word) => ALIASES[word] ?? word);
  const os = words.filter((word) => OS.includes(word));
  const cpu = words.filter((word) => CPU.includes(word));
  if (os.length + cpu.length === 0) return undefined;
  return { ...(cpu.length > 0 ? { cpu } : {}), ...(os.length > 0 ? { os } : {}) };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  const rows = missingRows(lock);
  const sorted = Object.entries({ ...lock.packages, ...rows }).sort(([a], [b]) => (a < b ? -1 : 1));
  writeFileSync(
    'package-lock.json',
    `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`,
  );
  console.log(`completed package-lock.json with ${Object.keys(rows).length} packages of other platforms`);
}
