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
  /** The candidate that this one waits for; empty while there is none. */
  readonly leader: string;
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
export class LeaseElection implements Election {
  readonly #options: ElectionOptions;
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;
  /** Last change of the lease, and when this process saw it. */
  #seen: { readonly version: string | undefined; readonly atMs: number } | undefined;
  #leader = '';
  #leading: { readonly end: AbortController; cancel: () => void; untilMs: number } | undefined;

  /** Starts the first attempt. */
  constructor(options: ElectionOptions) {
    this.#options = options;
    this.#ended = this.#run();
  }

  get isLeader(): boolean {
    return this.#leading !== undefined && this.#options.clock.monotonicMs() < this.#leading.untilMs;
  }

  get leader(): string {
    return this.#leader;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#ended;
    const wasLeader = this.isLeader;
    this.#lose();
    if (!wasLeader) return;
    // So that the next leader does not wait. If this fails, the lease ends by itself.
    const lease = await this.#call('GET').catch(() => undefined);
    if (lease?.spec?.holderIdentity !== this.#options.identity) return;
    await this.#call('PUT', { ...lease, spec: { ...lease.spec, holderIdentity: '' } }).catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { clock, random, failed } = this.#options;
    let isFailing = false;
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#attempt();
        isFailing = false;
      } catch (error) {
        // Another candidate was quicker; the next look tells whose it is.
        const isRace = error instanceof KubernetesError && error.status === 409;
        if (!isRace && !isFailing) failed(error);
        isFailing = !isRace;
      }
      await pause(clock, LEASE_TIMES.retryMs * (1 + random() / 10), this.#stopping.signal);
    }
  }

  async #attempt(): Promise<void> {
    const { clock, identity, name } = this.#options;
    const startedMs = clock.monotonicMs();
    const lease = await this.#call('GET').catch((error: unknown) => {
      if (error instanceof KubernetesError && error.status === 404) return undefined;
      throw error;
    });
    const version = lease?.metadata.resourceVersion;
    if (version !== this.#seen?.version || this.#seen === undefined)
      this.#seen = { version, atMs: clock.monotonicMs() };
    const { holderIdentity: holder = '', leaseDurationSeconds = 0 } = lease?.spec ?? {};
    const freeAtMs = this.#seen.atMs + Math.max(LEASE_TIMES.leaseMs, leaseDurationSeconds * 1000);
    const isTaken = holder !== '' && holder !== identity && clock.monotonicMs() < freeAtMs;
    this.#leader = isTaken ? holder : '';
    if (isTaken) return this.#lose();
    const spec = this.#ours(lease?.spec);
    if (lease) await this.#call('PUT', { ...lease, spec });
    else await this.#call('POST', { ...KIND, metadata: { name }, spec });
    this.#hold(startedMs);
  }

  #ours(before: Lease['spec']): NonNullable<Lease['spec']> {
    const { clock, identity } = this.#options;
    const now = microTime(clock.epochMs());
    const wasOurs = before?.holderIdentity === identity;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: LEASE_TIMES.leaseMs / 1000,
      acquireTime: wasOurs ? (before?.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (before?.leaseTransitions ?? 0) + (wasOurs ? 0 : 1),
    };
  }

  /** @param startedMs before the request was sent: others cannot have seen its effect earlier */
  #hold(startedMs: number): void {
    const { clock, lead } = this.#options;
    const untilMs = startedMs + LEASE_TIMES.renewWithinMs;
    // A timer may be late; another process may have led meanwhile.
    if (!this.isLeader || clock.monotonicMs() >= untilMs) this.#lose();
    if (clock.monotonicMs() >= untilMs) return;
    const before = this.#leading;
    before?.cancel();
    const end = before?.end ?? new AbortController();
    const cancel = clock.after(untilMs - clock.monotonicMs(), () => this.#lose());
    this.#leading = { end, cancel, untilMs };
    if (!before) lead(end.signal);
  }

  #lose(): void {
    const before = this.#leading;
    this.#leading = undefined;
    before?.cancel();
    before?.end.abort(new Error('another process leads'));
  }

  #call(method: 'GET' | 'POST' | 'PUT', body?: Lease): Promise<Lease> {
    const { api, name } = this.#options;
    const leases = `/apis/coordination.k8s.io/v1/namespaces/${api.namespace}/leases`;
    const path = method === 'POST' ? leases : `${leases}/${name}`;
    return api.call(method, path, { body, timeoutMs: LEASE_TIMES.callMs }) as Promise<Lease>;
  }
}

const KIND = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' };

/** As Kubernetes writes a MicroTime. */
const microTime = (epochMs: number) => new Date(epochMs).toISOString().replace('Z', '000Z');
