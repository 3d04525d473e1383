import { pause, type TimerClock } from '@headgate/runtime/clock';
import { type KubernetesApi, KubernetesError } from '@headgate/runtime/kubernetes/api';

/** The times of client-go: a leader has stopped for 5 s before the next one may begin. */
export const LEASE_TIMES = {
  /** How long others wait after the last change of the lease that they saw. */
  leaseMs: 15_000,
  /** A leader that could not renew for this long stops. */
  renewWithinMs: 10_000,
  /** Between two attempts; a tenth is random, so that candidates do not run in step. */
  retryMs: 2000,
  /** Of one request to the API server. */
  callMs: 4000,
} as const;

export interface ElectionOptions {
  readonly api: Pick<KubernetesApi, 'namespace' | 'call'>;
  /** Of the Lease. */
  readonly name: string;
  /** Of this candidate: the name of its pod. */
  readonly identity: string;
  readonly clock: TimerClock;
  /** In [0, 1). */
  readonly random: () => number;
  /**
   * Begins to lead. The signal is aborted when that ends. What was begun before must end within the difference between
   * `leaseMs` and `renewWithinMs`.
   */
  readonly lead: (signal: AbortSignal) => void;
  /** An attempt failed; once, until one succeeds again. */
  readonly failed: (error: unknown) => void;
}

export interface Election {
  readonly isLeader: boolean;
  /** Stops leading, and lets the next candidate begin at once. */
  stop(): Promise<void>;
}

interface Lease {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string };
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

/**
 * Leads while it holds a Lease of coordination.k8s.io, by the rules of client-go: times are measured by the clock of
 * this process alone, from the moment when a change was seen, so that clocks of machines need not agree.
 */
export function startElection(options: ElectionOptions): Election {
  const { api, name, identity, clock, random, failed } = options;
  const path = `/apis/coordination.k8s.io/v1/namespaces/${api.namespace}/leases`;
  const stopping = new AbortController();
  /** Last change of the lease, and when this process saw it. */
  let seen: { readonly version: string | undefined; readonly atMs: number } | undefined;
  let leading: { readonly end: AbortController; cancel: () => void; untilMs: number } | undefined;
  let isFailing = false;

  const isLeader = () => leading !== undefined && clock.monotonicMs() < leading.untilMs;

  const lose = () => {
    leading?.cancel();
    leading?.end.abort(new Error('another process leads'));
    leading = undefined;
  };

  /** @param startedMs before the request was sent: others cannot have seen its effect earlier */
  const hold = (startedMs: number) => {
    const untilMs = startedMs + LEASE_TIMES.renewWithinMs;
    // A timer may be late; another process may have led meanwhile.
    if (!isLeader() || clock.monotonicMs() >= untilMs) lose();
    if (clock.monotonicMs() >= untilMs) return;
    const isNew = leading === undefined;
    leading?.cancel();
    leading = { end: leading?.end ?? new AbortController(), cancel: () => undefined, untilMs };
    leading.cancel = clock.after(untilMs - clock.monotonicMs(), lose);
    if (isNew) options.lead(leading.end.signal);
  };

  const call = (method: 'GET' | 'POST' | 'PUT', body?: Lease) => {
    const at = method === 'POST' ? path : `${path}/${name}`;
    return api.call(method, at, { body, timeoutMs: LEASE_TIMES.callMs }) as Promise<Lease>;
  };

  const specOf = ({ spec }: Lease, holder: string): NonNullable<Lease['spec']> => {
    const now = microTime(clock.epochMs());
    const isOurs = spec?.holderIdentity === holder;
    return {
      holderIdentity: holder,
      leaseDurationSeconds: LEASE_TIMES.leaseMs / 1000,
      acquireTime: isOurs ? (spec?.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (spec?.leaseTransitions ?? 0) + (isOurs ? 0 : 1),
    };
  };

  const attempt = async (): Promise<void> => {
    const startedMs = clock.monotonicMs();
    const none: Lease = { metadata: { name } };
    const lease = await call('GET').catch((error: unknown) => {
      if (error instanceof KubernetesError && error.status === 404) return none;
      throw error;
    });
    const { resourceVersion: version } = lease.metadata;
    if (version !== seen?.version || seen === undefined) seen = { version, atMs: clock.monotonicMs() };
    const { holderIdentity: holder = '', leaseDurationSeconds = 0 } = lease.spec ?? {};
    const freeAtMs = seen.atMs + Math.max(LEASE_TIMES.leaseMs, leaseDurationSeconds * 1000);
    if (holder !== '' && holder !== identity && clock.monotonicMs() < freeAtMs) return lose();
    const method = lease === none ? 'POST' : 'PUT';
    const written = { ...lease, ...(method === 'POST' && KIND), spec: specOf(lease, identity) };
    await call(method, written);
    hold(startedMs);
  };

  const run = async () => {
    while (!stopping.signal.aborted) {
      try {
        await attempt();
        isFailing = false;
      } catch (error) {
        // Another candidate was quicker; the next look tells whose it is.
        const isRace = error instanceof KubernetesError && error.status === 409;
        if (!isRace && !isFailing) failed(error);
        isFailing = !isRace;
      }
      await pause(clock, LEASE_TIMES.retryMs * (1 + random() / 10), stopping.signal);
    }
  };

  const ended = run();
  return {
    get isLeader() {
      return isLeader();
    },
    async stop() {
      stopping.abort();
      await ended;
      const wasLeader = isLeader();
      lose();
      if (!wasLeader) return;
      // So that the next leader does not wait. If this fails, the lease ends by itself.
      const lease = await call('GET').catch(() => undefined);
      if (lease?.spec?.holderIdentity !== identity) return;
      await call('PUT', { ...lease, spec: { ...lease.spec, holderIdentity: '' } }).catch(() => undefined);
    },
  };
}

const KIND = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' };

/** As Kubernetes writes a MicroTime. */
const microTime = (epochMs: number) => new Date(epochMs).toISOString().replace('Z', '000Z');
