import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '@headgate/contracts/config';
import { adminUrl } from '@headgate/envoy/process';
import { renderEnvoy, renderSds } from '@headgate/envoy/render';

/** Envoy ends at once after SIGTERM. */
export const ENVOY_STOP_MS = 5000;
const POLL_MS = 50;
const ADMIN_TIMEOUT_MS = 1000;

/** Writes Envoy's configuration and the secret files it refers to; returns the path of the former. */
export function writeEnvoyConfig(config: Config, root: string): string {
  const path = join(root, 'state/envoy', `${config.listen.port_base}.yaml`);
  for (const file of [...renderSds(config, { root }), { path, text: renderEnvoy(config, { root }) }]) {
    mkdirSync(dirname(file.path), { recursive: true });
    // Envoy reads a secret file as soon as it appears.
    writeFileSync(`${file.path}.tmp`, file.text);
    renameSync(`${file.path}.tmp`, file.path);
  }
  return path;
}

/**
 * Closes Envoy's listeners and waits until the requests that it has accepted are answered, for at most
 * `withinMs`. An Envoy that does not answer is left to SIGTERM.
 */
export async function drainEnvoy(config: Config, withinMs: number, force: AbortSignal): Promise<void> {
  const deadline = performance.now() + withinMs;
  try {
    await admin(config, '/drain_listeners', 'POST');
    while (!force.aborted && performance.now() < deadline) {
      if ((await activeRequests(config)) === 0) return;
      await sleep(POLL_MS);
    }
  } catch {
    // Crashed or never up: there is nothing to wait for.
  }
}

async function activeRequests(config: Config): Promise<number> {
  const body = await admin(config, '/stats?filter=^http%5C..*%5C.downstream_rq_active$', 'GET');
  const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('http.admin.'));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(':') + 1)), 0);
}

async function admin(config: Config, path: string, method: 'GET' | 'POST'): Promise<string> {
  const response = await fetch(`${adminUrl(config)}${path}`, {
    method,
    signal: AbortSignal.timeout(ADMIN_TIMEOUT_MS),
  });
  return response.text();
}
