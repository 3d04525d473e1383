import { constants, copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseRouting } from '@headgate/contracts/routing';
import { readDocument } from '@headgate/runtime/read-document';
import { issuesOf } from '@headgate/runtime/watch-file';
import type { Mode } from './mode.ts';

const SEED: Record<Mode, string> = { full: 'config/routing.yaml', fallback: 'config/routing.fallback.yaml' };

/** The fallback has its own table, so a change of mode overwrites nothing. */
export const FALLBACK_ROUTING_FILE = 'state/routing.fallback.yaml';

/**
 * Copies the seed of this mode to `file` if it does not exist. From then on the copy belongs to the operator
 * (decision 0015).
 *
 * @param file relative to `root`, or absolute
 */
export function seedRouting(root: string, mode: Mode, file: string): void {
  const path = resolve(root, file);
  if (existsSync(path)) return;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  copyFileSync(join(root, SEED[mode]), path, constants.COPYFILE_EXCL);
}

/** Name of the model that answers `POST /predict`. @throws Error with path and remedy when the table is not valid */
export function defaultModelOf(root: string, file: string): string {
  const path = resolve(root, file);
  try {
    return readDocument(readFileSync(path), parseRouting).default_model;
  } catch (cause) {
    const remedy = 'correct it, or delete it to get the seed again';
    throw new Error(`${path} is not a valid routing table; ${remedy}: ${issuesOf(cause).join('; ')}`, {
      cause,
    });
  }
}
