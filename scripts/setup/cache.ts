import { homedir } from 'node:os';
import { join } from 'node:path';

/** HEADGATE_CACHE_DIR, else the user's cache; outside the checkout, for the next clone. */
export function cacheDir(env: Readonly<Record<string, string | undefined>> = process.env): string {
  return env.HEADGATE_CACHE_DIR ?? join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'headgate');
}
