import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '@headgate/contracts/config/schema';
import { type AdminAnswer, askAdmin } from './admin.ts';
import { ADMIN_MS } from './limits.ts';
import { LISTENER } from './names.ts';

/** Envoy ends at once on SIGTERM; to be called before that. */

const POLL_MS = 50;

/**
 * Tells clients to go elsewhere (Connection: close, GOAWAY) and load balancers that Envoy is not ready, waits
 * `gateway.drain.delay_ms` for them to notice, closes the listeners and waits until nothing is in progress.
 *
 * @param socket of the admin page
 * @returns requests still in progress: 0, or more when `gateway.drain.timeout_ms` ran out or `signal` fired
 * @throws when the admin page does not answer: Envoy is already gone
 */
export async function drainEnvoy({ gateway }: Config, socket: string, signal?: AbortSignal): Promise<number> {
  const { delay_ms, timeout_ms } = gateway.drain;
  const limit = AbortSignal.timeout(delay_ms + timeout_ms);
  const stop = signal ? AbortSignal.any([signal, limit]) : limit;
  await admin(socket, '/healthcheck/fail', 'POST');
  await pause(delay_ms, stop);
  await admin(socket, '/drain_listeners', 'POST');
  let active = await requestsInProgress(socket);
  while (active > 0 && !stop.aborted) {
    await pause(POLL_MS, stop);
    active = await requestsInProgress(socket);
  }
  return active;
}

function admin(socket: string, path: string, method: 'GET' | 'POST' = 'GET'): Promise<AdminAnswer> {
  return askAdmin(socket, path, { method, signal: AbortSignal.timeout(ADMIN_MS) });
}

interface StatsPage {
  readonly stats: readonly { readonly value?: number }[];
}

async function requestsInProgress(socket: string): Promise<number> {
  const names = Object.values(LISTENER).join('|');
  const filter = encodeURIComponent(`^http\\.(${names})\\.downstream_rq_active$`);
  const { body } = await admin(socket, `/stats?format=json&filter=${filter}`);
  const { stats } = JSON.parse(body) as StatsPage;
  return stats.reduce((sum, { value = 0 }) => sum + value, 0);
}

/** Waits `ms`, or until `signal` fires. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
