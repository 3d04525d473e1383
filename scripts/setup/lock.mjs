import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 250;
/** A cold setup takes minutes. */
const PATIENCE_MS = 30 * 60_000;

/**
 * Keeps two setups of one checkout apart. A lock whose owner is dead is taken over.
 *
 * @param {string} path
 * @param {{ signal: AbortSignal, onWait: (pid: number) => void }} options
 * @returns {Promise<() => void>} gives the lock back
 * @throws {Error} when stopped, or when the other setup does not end
 */
export async function acquireLock(path, { signal, onWait }) {
  mkdirSync(dirname(path), { recursive: true });
  const deadline = performance.now() + PATIENCE_MS;
  let told = false;
  while (!tryLock(path)) {
    const owner = ownerOf(path);
    if (!isAlive(owner)) {
      rmSync(path, { force: true });
      continue;
    }
    if (performance.now() > deadline) throw new Error(`another setup (process ${owner}) does not end`);
    if (!told) onWait(owner);
    told = true;
    await sleep(POLL_MS, undefined, { signal });
  }
  return () => rmSync(path, { force: true });
}

/** @param {string} path */
function tryLock(path) {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EEXIST') return false;
    throw error;
  }
}

/** @param {string} path */
function ownerOf(path) {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch {
    return 0;
  }
}

/** @param {number} pid */
function isAlive(pid) {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}
