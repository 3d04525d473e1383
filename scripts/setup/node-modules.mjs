import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './command.mjs';

/** The Node binary that the npm package `node` brings (decision 0011). */
export const PINNED_NODE = 'node_modules/node/bin/node';

/**
 * @typedef {{ version?: string, optional?: boolean, link?: boolean }} LockEntry
 */

/** Installs the npm packages of the lock file, the pinned Node among them. @type {import('./runner.mjs').Step} */
export const nodeModulesStep = {
  name: 'node-modules',
  title: 'npm packages',
  inputs: ['package-lock.json'],
  outputs: ['node_modules/.package-lock.json', PINNED_NODE],
  isDone: isInstalled,
  run: async ({ root, signal, guard, logFile, progress }) => {
    const [command, ...args] = npmCommand(process.env.npm_execpath);
    await runCommand(command, [...args, 'ci', '--no-audit', '--no-fund', '--loglevel=http'], {
      cwd: root,
      signal,
      guard,
      logFile,
      onLine: progress,
      timeoutMs: 15 * 60_000,
      env: { npm_config_update_notifier: 'false' },
    });
  },
  remedy: 'check that the npm registry can be reached (`npm ping`), then run the same command again',
};

/**
 * The npm that started this process, else the one on PATH.
 *
 * @param {string | undefined} execPath npm_execpath
 * @returns {[string, ...string[]]}
 */
export function npmCommand(execPath) {
  if (execPath !== undefined && /npm-cli\.[cm]?js$/.test(execPath)) return [process.execPath, execPath];
  return ['npm'];
}

/**
 * True when node_modules holds what the lock file names: npm keeps its own list there.
 *
 * @param {string} root
 */
export function isInstalled(root) {
  if (!existsSync(join(root, PINNED_NODE))) return false;
  const wanted = lockEntries(join(root, 'package-lock.json'));
  const present = lockEntries(join(root, 'node_modules/.package-lock.json'));
  if (wanted === undefined || present === undefined) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.startsWith('node_modules/')) return true;
    const found = present[path];
    // Of a workspace; npm does not notice when somebody removes it.
    if (entry.link === true && !existsSync(join(root, path))) return false;
    // Optional packages are absent on platforms that they do not fit.
    return found === undefined ? entry.optional === true : found.version === entry.version;
  });
}

/**
 * @param {string} path
 * @returns {Record<string, LockEntry> | undefined}
 */
function lockEntries(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages;
  } catch {
    return undefined;
  }
}
