import { join } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import { removeEnvoyConfig, writeEnvoyConfig } from '@headgate/envoy/write';
import { loadConfig } from '@headgate/runtime/load-config';
import { missingFor, refuse } from '@headgate/runtime/production/requirements';
import { readDevKeys } from '../setup/keys.ts';
import type { Mode } from '../setup/mode.ts';
import { defaultModelOf, FALLBACK_ROUTING_FILE, seedRouting } from '../setup/routing.ts';
import type { ChildSpec } from './child.ts';
import { componentsOf } from './components.ts';
import type { StartOptions } from './options.mjs';
import { describeService, type Service } from './ready-file.ts';

export type Env = Readonly<Record<string, string | undefined>>;

/** What is decided before the first process starts. */
export interface Plan {
  readonly root: string;
  readonly mode: Mode;
  readonly config: Config;
  /** The live routing table; relative to the root, or absolute. */
  readonly routingFile: string;
  readonly service: Service;
}

/**
 * Reads the configuration, and in production looks for everything that it needs, before anything is made.
 *
 * @throws ConfigError with all that is missing
 */
export function configFor(
  root: string,
  env: Env,
  { portBase, fallback }: Pick<StartOptions, 'portBase' | 'fallback'>,
): Config {
  const config = loadConfig({
    dir: env.HEADGATE_CONFIG_DIR ?? join(root, 'config'),
    environment: env.HEADGATE_ENV ?? 'dev',
    env: portBase === undefined ? env : { ...env, HEADGATE_LISTEN__PORT_BASE: String(portBase) },
  });
  const withoutEnvoy = fallback && config.environment !== 'dev';
  refuse(config, [
    ...(withoutEnvoy ? ['Envoy: --fallback serves without TLS; start without it'] : []),
    ...missingFor(config, root),
  ]);
  return config;
}

/** Makes sure that there is a routing table. */
export function makePlan(root: string, mode: Mode, env: Env, config: Config): Plan {
  const fallbackFile = env.HEADGATE_ROUTING_FILE ?? FALLBACK_ROUTING_FILE;
  const routingFile = mode === 'full' ? config.routing_file : fallbackFile;
  seedRouting(root, mode, routingFile);
  const keys = config.environment === 'dev' ? readDevKeys(root) : null;
  const service = describeService(config, { root, mode, keys, model: defaultModelOf(root, routingFile) });
  return { root, mode, config, routingFile, service };
}

/** The processes of the plan; writes the configuration that one of them reads. */
export function specsOf({ root, mode, config, routingFile }: Plan, env: Env): ChildSpec[] {
  if (mode !== 'full') removeEnvoyConfig(config, root);
  const envoyConfig = mode === 'full' ? writeEnvoyConfig(config, root) : '';
  return componentsOf(config, { root, mode, envoyConfig, routingFile, env });
}
