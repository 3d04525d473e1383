import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '@headgate/contracts/config/schema';
import { adminSocket } from '@headgate/envoy/admin';
import { drainEnvoy } from '@headgate/envoy/drain';
import { renderEnvoy, renderSds } from '@headgate/envoy/render';
import { writeFiles } from '@headgate/envoy/write';

/** Envoy ends at once after SIGTERM. */
export const ENVOY_STOP_MS = 5000;
/** A hanging admin page must not delay the end. */
const MARGIN_MS = 1000;

/** Writes Envoy's configuration and the secret files it refers to; returns the path of the former. */
export function writeEnvoyConfig(config: Config, root: string): string {
  const path = join(root, 'state/envoy', `${config.listen.port_base}.json`);
  writeFiles([...renderSds(config, { root }), { path, text: renderEnvoy(config, { root }) }]);
  return path;
}

/** Lets Envoy finish accepted requests within its configured time. No effect once Envoy has ended. */
export async function letEnvoyFinish(config: Config, root: string, force: AbortSignal): Promise<void> {
  const { delay_ms, timeout_ms } = config.gateway.drain;
  const bound = sleep(delay_ms + timeout_ms + MARGIN_MS, undefined, { signal: force, ref: false });
  await Promise.race([drainEnvoy(config, adminSocket(config, root), force), bound]).catch(() => undefined);
}
