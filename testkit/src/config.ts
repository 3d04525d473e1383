import { join } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import { loadConfig } from '@headgate/runtime/load-config';
import { ROOT } from './root.ts';

/** The development configuration with these HEADGATE_* variables. */
export function testConfig(env: Readonly<Record<string, string>> = {}): Config {
  return loadConfig({ dir: join(ROOT, 'config'), environment: 'dev', env });
}
