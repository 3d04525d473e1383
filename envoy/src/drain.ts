import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '@headgate/contracts/config/schema';
import { type AdminAnswer, adminSocket, askAdmin } from './admin.ts';
import { ADMIN_MS } from './limits.ts';
import { LISTENER } from './names.ts';

/** Envoy ends at once on SIGTERM; to be called before that. */

const POLL_MS = 50;
/** A hanging admin page must not delay the end. */
const MARGIN_MS = 1000;

/**
 * Drains an Envoy that is to be stopped. Bounded: `gateway.drain.delay_ms` + `timeout_ms` + 1 s, less once `force` fires.
 *
 * @returns requests still in progress; undefined when Envoy could not be asked, for example because it has ended
 */
export async function letEnvoyFinish(
  config: Config,
  root: string,
  force: AbortSignal,
): Promise<number | undefined> {
  const { delay_ms, timeout_ms } = config.gateway.drain;
  const bound = delay(delay_ms + timeout_ms + MARGIN_MS, undefined, { ref: false });
  const drained = drainEnvoy(config, adminSocket(config, root), force);
  return Promise.race([drained, bound]).catch(() => undefined);
}

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
