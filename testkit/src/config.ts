import { join } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import { loadConfig } from '@headgate/runtime/load-config';
import { ROOT } from './root.ts';

/** Parts that a test starts by themselves show each other no secret. */
export const NO_SECRET = { HEADGATE_LISTEN__INTERNAL_SECRET_FILE: '' };

/** The development configuration with these HEADGATE_* variables. */
export function testConfig(env: Readonly<Record<string, string>> = {}): Config {
  return loadConfig({ dir: join(ROOT, 'config'), environment: 'dev', env: { ...NO_SECRET, ...env } });
}
