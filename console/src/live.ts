import type { LiveView, RolloutView, RoutingView } from '@headgate/contracts/admin/api';
import { signal } from '@preact/signals';
import { apiUrl, findSession, parse, session } from './api.ts';
import { setServerTime } from './clock.ts';

/** What control sent last; null before the first one. */
export const live = signal<LiveView | null>(null);
/** Rollouts that changed since the connection is open, by their ids. */
export const changedRollouts = signal<ReadonlyMap<string, RolloutView>>(new Map());
/** The routing table after its last change. */
export const changedRouting = signal<RoutingView | null>(null);

export type Connection =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'open' }
  /** Nothing has come since then, by the clock of the browser. */
  | { readonly kind: 'stale'; readonly sinceMs: number };

export const connection = signal<Connection>({ kind: 'connecting' });

/** `live` comes each second: after so many ms without it, what is shown is stale. */
const STALE_MS = 5000;
const MAX_WAIT_MS = 30_000;

/** Pause before the next attempt, in ms: doubles from 1 s to 30 s. */
function backoffMs(failures: number): number {
  return Math.min(1000 * 2 ** failures, MAX_WAIT_MS);
}

/** Follows the events of control. @returns a function that ends it */
export function startLive(): () => void {
  let source: EventSource | undefined;
  let failures = 0;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let watchdog: ReturnType<typeof setTimeout> | undefined;
  let lastMs = Date.now();

  const lose = () => {
    if (connection.value.kind !== 'stale') connection.value = { kind: 'stale', sinceMs: lastMs };
    // What changes from now on is not told.
    changedRollouts.value = new Map();
    source?.close();
    clearTimeout(watchdog);
    clearTimeout(retry);
    retry = setTimeout(connect, backoffMs(failures));
    failures += 1;
    // An EventSource does not tell its status: 401 shows the login.
    void findSession();
  };
  const alive = () => {
    lastMs = Date.now();
    failures = 0;
    connection.value = { kind: 'open' };
    clearTimeout(watchdog);
    watchdog = setTimeout(lose, STALE_MS);
  };
  const connect = () => {
    clearTimeout(retry);
    source?.close();
    source = follow(alive, lose);
    watchdog = setTimeout(lose, STALE_MS);
  };
  const atOnce = () => {
    if (connection.value.kind === 'stale' && session.value.kind === 'in') connect();
  };
  addEventListener('online', atOnce);
  connect();
  return () => {
    removeEventListener('online', atOnce);
    source?.close();
    clearTimeout(retry);
    clearTimeout(watchdog);
    connection.value = { kind: 'connecting' };
  };
}

function follow(alive: () => void, lose: () => void): EventSource {
  const source = new EventSource(apiUrl('/events'));
  source.addEventListener('live', ({ data }) => {
    const view = parse<LiveView>(data);
    setServerTime(view.at_ms);
    live.value = view;
    alive();
  });
  source.addEventListener('rollout', ({ data }) => {
    const rollout = parse<RolloutView>(data);
    changedRollouts.value = new Map(changedRollouts.value).set(rollout.id, rollout);
  });
  source.addEventListener('routing', ({ data }) => {
    changedRouting.value = parse<RoutingView>(data);
  });
  source.addEventListener('error', lose);
  return source;
}
