import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '@headgate/contracts/config/schema';
import { LISTENER } from './names.ts';
import { adminUrl } from './process.ts';

/** Envoy ends at once on SIGTERM; to be called before that. */

const POLL_MS = 50;
/** The admin page answers in milliseconds, or Envoy is gone. */
const ADMIN_MS = 2000;

/**
 * Tells clients to go elsewhere (Connection: close, GOAWAY) and load balancers that Envoy is not ready, waits
 * `gateway.drain.delay_ms` for them to notice, closes the listeners and waits until nothing is in progress.
 *
 * @returns requests still in progress: 0, or more when `gateway.drain.timeout_ms` ran out or `signal` fired
 * @throws when the admin page does not answer: Envoy is already gone
 */
export async function drainEnvoy(config: Config, signal?: AbortSignal): Promise<number> {
  const { delay_ms, timeout_ms } = config.gateway.drain;
  const limit = AbortSignal.timeout(delay_ms + timeout_ms);
  const stop = signal ? AbortSignal.any([signal, limit]) : limit;
  await post(config, 'healthcheck/fail');
  await pause(delay_ms, stop);
  await post(config, 'drain_listeners');
  let active = await requestsInProgress(config);
  while (active > 0 && !stop.aborted) {
    await pause(POLL_MS, stop);
    active = await requestsInProgress(config);
  }
  return active;
}

async function post(config: Config, path: string): Promise<void> {
  await admin(config, path, { method: 'POST' });
}

function admin(config: Config, path: string, init?: RequestInit): Promise<Response> {
  return fetch(`${adminUrl(config)}/${path}`, { ...init, signal: AbortSignal.timeout(ADMIN_MS) });
}

interface StatsPage {
  readonly stats: readonly { readonly value?: number }[];
}

async function requestsInProgress(config: Config): Promise<number> {
  const names = Object.values(LISTENER).join('|');
  const filter = encodeURIComponent(`^http\\.(${names})\\.downstream_rq_active$`);
  const response = await admin(config, `stats?format=json&filter=${filter}`);
  const { stats } = (await response.json()) as StatsPage;
  return stats.reduce((sum, { value = 0 }) => sum + value, 0);
}

/** Waits `ms`, or until `signal` fires. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
