import { METRIC } from '@headgate/contracts/names';
import type { Clock } from '@headgate/runtime/clock';
import type { KubernetesApi } from '@headgate/runtime/kubernetes/api';
import type { ColdStartReport } from './cold-start.ts';
import { ColdStart } from './cold-start.ts';
import { type Figures, type Scrape, sumOf } from './scrape.ts';

/** Figures of gateways and inference pods that pools are scaled by. */
export const POOL_NAMES: readonly string[] = [
  METRIC.parkedRequests,
  METRIC.inferRequests,
  METRIC.inFlight,
  METRIC.modelReadySince,
  'process_start_time_seconds',
];

export interface PoolReport extends ColdStartReport {
  /** The API server has taken the number of pods. */
  scaled(model: string, replicas: 0 | 1): void;
}

export interface PoolOptions {
  readonly model: string;
  readonly deployment: string;
  readonly idleMs: number;
  readonly api: Pick<KubernetesApi, 'namespace' | 'call'>;
  readonly gateways: Scrape;
  readonly inference: Scrape;
  readonly report: PoolReport;
  readonly clock: Clock;
}

/** Two take less than the time between the loss of the Lease and another leader's begin. */
const CALL_MS = 2000;
/** How often a pool that was asked to end is looked at: somebody may have started it by hand. */
const LOOK_MS = 30_000;

interface Scale {
  readonly metadata: { readonly resourceVersion: string };
  readonly spec: { readonly replicas?: number };
}

/** Starts the pods of one model when a request waits, and ends them when nobody asked for a while. */
export class Pool {
  readonly #options: PoolOptions;
  readonly #cold: ColdStart;
  /** Calls by process, as they were counted last. */
  #calls: ReadonlyMap<string, number> | undefined;
  #activeMs: number;
  #lookMs = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#cold = new ColdStart(options);
    this.#activeMs = options.clock.monotonicMs();
  }

  /** After each round of both scrapes, while this process leads. @throws KubernetesError */
  async step(): Promise<void> {
    const { gateways, inference, model, clock, idleMs } = this.#options;
    const parked = sumOf(gateways.figures(), METRIC.parkedRequests, { model });
    const nowMs = clock.monotonicMs();
    this.#cold.follow(parked, inference.figures());
    const called = this.#wasCalled(inference.figures());
    // What cannot be seen counts as a call.
    const isIdle = parked === 0 && !called && gateways.isComplete() && inference.isComplete();
    if (!isIdle) this.#activeMs = nowMs;
    if (parked > 0) return this.#scale(1);
    if (nowMs - this.#activeMs < idleMs || nowMs < this.#lookMs) return;
    await this.#scale(0);
    this.#lookMs = nowMs + LOOK_MS;
  }

  #wasCalled(figures: Figures): boolean {
    const { model } = this.#options;
    const calls = new Map<string, number>();
    for (const [address, samples] of figures) {
      calls.set(address, sumOf(new Map([[address, samples]]), METRIC.inferRequests, { model }));
    }
    const before = this.#calls;
    this.#calls = calls;
    if (sumOf(figures, METRIC.inFlight, { model }) > 0) return true;
    return [...calls].some(([address, count]) => count !== (before?.get(address) ?? 0));
  }

  /** From none to one, or from any to none. The version of what was read goes along: a change by others wins. */
  async #scale(replicas: 0 | 1): Promise<void> {
    const { api, deployment, model, report } = this.#options;
    const path = `/apis/apps/v1/namespaces/${api.namespace}/deployments/${deployment}/scale`;
    const { metadata, spec } = (await api.call('GET', path, { timeoutMs: CALL_MS })) as Scale;
    const current = spec.replicas ?? 0;
    if (replicas === 0 ? current === 0 : current > 0) return;
    const { resourceVersion } = metadata;
    const body = { metadata: { resourceVersion }, spec: { replicas } };
    await api.call('PATCH', path, { body, timeoutMs: CALL_MS });
    report.scaled(model, replicas);
    if (replicas === 1) this.#cold.begin();
    this.#lookMs = 0;
  }
}
