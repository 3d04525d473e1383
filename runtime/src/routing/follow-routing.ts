import { resolve } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import { parseRouting, type Routing } from '@headgate/contracts/routing';
import { inClusterApi, KubernetesError } from '../kubernetes/api.ts';
import { watchConfigMap } from '../kubernetes/watch-config-map.ts';
import { ConfigError } from '../load-config.ts';
import { watchFile } from '../watch-file.ts';

/** Told about every version of the routing table, so that an operator sees what is in force (decision 0007). */
export interface RoutingReport {
  /** A table is in force now; not called for the first one. */
  accepted(routing: Routing): void;
  /** A version was refused as a whole; the last good table stays in force. */
  refused(refusal: { readonly issues: readonly string[] }): void;
  /** The API server does not answer; the last good table stays in force. */
  lost(error: unknown): void;
  /** It answers again. */
  found(): void;
}

export interface FollowedRouting {
  /** The last good table. */
  current(): Routing;
  /** Time since the source last said what it holds, in ms; 0 for a file, which is always there to be read. */
  ageMs(): number;
  stop(): void;
}

export interface FollowRoutingOptions {
  readonly config: Pick<Config, 'routing_file' | 'routing_config_map'>;
  /** Relative paths of the configuration start here. */
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  readonly report: RoutingReport;
  readonly connect?: typeof inClusterApi;
}

/** A table of hundreds of models fits easily; a log file put there by mistake does not. */
const MAX_BYTES = 256 * 1024;
/** The key of the ConfigMap; mounted, it is the name of the file. */
const KEY = 'routing.yaml';

/**
 * The routing table, live: from the ConfigMap where one is named, else from the file that control or an SRE rewrites.
 *
 * @throws FileError when there is no good first table, ConfigError for a ConfigMap outside a cluster
 */
export async function followRouting(options: FollowRoutingOptions): Promise<FollowedRouting> {
  const { config, root, report } = options;
  const { routing_config_map: name } = config;
  const path = resolve(root, config.routing_file);
  const { accepted: onChange, refused: onError, lost: onLost, found: onFound } = report;
  const common = { maxBytes: MAX_BYTES, onChange, onError };
  if (name === '') {
    return { ...watchFile(path, parseRouting, common), ageMs: () => 0 };
  }
  const api = await apiOf(options);
  const source = { api, name, key: KEY, check: parseRouting, copy: path, onLost, onFound };
  const map = await watchConfigMap({ ...source, ...common });
  const stop = () => {
    map.stop();
    api.close();
  };
  return { ...map, stop };
}

async function apiOf({ env, connect = inClusterApi }: FollowRoutingOptions) {
  try {
    return await connect(env);
  } catch (error) {
    if (!(error instanceof KubernetesError)) throw error;
    throw new ConfigError(`routing_config_map names a ConfigMap. ${error.message}`, { cause: error });
  }
}
