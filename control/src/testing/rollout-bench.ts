import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExperimentReport, RolloutActionName } from '@headgate/contracts/admin/api';
import { METRIC } from '@headgate/contracts/names';
import { policySchema, type Rollout, type RolloutPolicy } from '@headgate/contracts/rollout';
import type { AuditChange } from '@headgate/journal/audit/sink';
import type { Sample } from '@headgate/runtime/exposition';
import { tempDir } from '@headgate/testkit/folders';
import { ManualClock } from '@headgate/testkit/manual-clock';
import { AdminError } from '../api/api-env.ts';
import { auditedChanges } from '../audit/changes.ts';
import { GatewayFigures } from '../figures/live-figures.ts';
import { Enforcer } from '../rollout/enforcer.ts';
import { fileRollouts } from '../rollout/file-rollouts.ts';
import { Ledger } from '../rollout/ledger.ts';
import { Measure } from '../rollout/measure.ts';
import { policyFor } from '../rollout/policies.ts';
import type { RolloutStore } from '../rollout/rollout-store.ts';
import { Rollouts } from '../rollout/rollouts.ts';
import { SlowReports } from '../rollout/slow-reports.ts';
import { fileSource } from '../routing/file-source.ts';
import { SourcedRouting } from '../routing/routing-store.ts';

export const MODEL = 'm';
/** Each second of a version without and with errors. */
export const GOOD = { requests: 10 };
export const BAD = { requests: 5, errors: 5 };
const TABLE = `# edited by SREs
schema: 1
default_model: ${MODEL}
models:
  ${MODEL}:
    versions: ["1", "2", "3"]
    experiment:
      name: before
      salt: before
      variants:
        - { name: one, version: "1", weight: 90 } # the control
        - { name: two, version: "2", weight: 10 }
`;

export interface Traffic {
  readonly requests: number;
  readonly errors?: number;
  /** How long each takes. */
  readonly ms?: number;
}

const BOUNDS_MS = [16, 32, 64, 128, 256, 512];

type Counters = Map<string, { labels: Record<string, string>; value: number }>;

/** Gateways whose counters a test moves. */
class Gateways {
  readonly #counters = new Map<string, Counters>();
  addresses: string[] = ['gateway-1'];
  /** Those that do not answer. */
  readonly silent = new Set<string>();
  readonly unready = new Set<string>();
  readonly #loaded = new Set(['1', '2', '3']);

  /** A further version is ready from now on. */
  loads(version: string): void {
    this.#loaded.add(version);
  }

  /** Each gateway serves its share. */
  serve(version: string, variant: string, traffic: Traffic, addresses = this.addresses): void {
    const { requests, errors = 0, ms = 20 } = traffic;
    for (const [index, address] of addresses.entries()) {
      const share = (count: number) => Math.floor((count + index) / addresses.length);
      this.#serve(address, { model: MODEL, version, variant }, [share(requests), share(errors), ms]);
    }
  }

  #serve(
    address: string,
    of: Record<string, string>,
    [requests, errors, ms]: [number, number, number],
  ): void {
    const counters: Counters = this.#counters.get(address) ?? new Map();
    this.#counters.set(address, counters);
    const count = (name: string, labels: Record<string, string>, more: number) => {
      const key = JSON.stringify([name, labels]);
      counters.set(key, { labels, value: (counters.get(key)?.value ?? 0) + more });
    };
    count(METRIC.predictions, { ...of, outcome: 'ok' }, requests - errors);
    count(METRIC.predictions, { ...of, outcome: 'internal' }, errors);
    for (const bound of BOUNDS_MS) {
      const le = `${bound / 1000}`;
      count(`${METRIC.predictionDuration}_bucket`, { ...of, le }, ms <= bound ? requests : 0);
    }
    count(`${METRIC.predictionDuration}_bucket`, { ...of, le: '+Inf' }, requests);
  }

  readonly scrape = {
    round: async () => undefined,
    addresses: () => this.addresses,
    isComplete: () => this.addresses.length > 0 && this.addresses.every((one) => !this.silent.has(one)),
    figures: () => {
      const answering = this.addresses.filter((one) => !this.silent.has(one));
      return new Map(answering.map((one) => [one, this.#page(one)]));
    },
  };

  #page(address: string): Sample[] {
    const counted = [...(this.#counters.get(address) ?? [])];
    const ready = [...this.#loaded].map((version) => ({
      name: METRIC.versionReady,
      labels: { model: MODEL, version },
      value: this.unready.has(version) ? 0 : 1,
    }));
    return [...ready, ...counted.map(([key, of]) => ({ name: JSON.parse(key)[0] as string, ...of }))];
  }
}

export type RolloutBench = Awaited<ReturnType<typeof rolloutBench>>;

/** The rollouts of a control process, over files of their own, with a clock and gateways that a test moves. */
export async function rolloutBench() {
  const dir = tempDir();
  const path = join(dir, 'routing.yaml');
  writeFileSync(path, TABLE);
  const clock = new ManualClock();
  const gateways = new Gateways();
  const changes: AuditChange[] = [];
  const logged: unknown[] = [];
  const away = { audit: false, table: false, store: false, leader: null as string | null };
  let versions: readonly string[] | undefined;
  /** Reads of the store of rollouts, and the ids that were written. */
  const calls = { reads: 0, saved: [] as string[] };
  let report: () => Promise<ExperimentReport> = () => Promise.reject(new AdminError('not_found', 'none'));

  /** A new process: nothing but the files is known to it. */
  const start = async () => {
    const source = fileSource(path);
    const unavailable = () => Promise.reject(new AdminError('store_unavailable', 'away'));
    const routing = new SourcedRouting({
      ...source,
      read: () => (away.table ? unavailable() : source.read()),
      replace: (...all) => (away.table ? unavailable() : source.replace(...all)),
    });
    await routing.refresh();
    const note = (fields: unknown) => void logged.push(fields);
    const logger = { info: note, warn: note, error: note };
    const audit = {
      async change(change: AuditChange) {
        if (away.audit) throw new Error('the disk is full');
        changes.push(change);
      },
    };
    const figures = new GatewayFigures({ scrape: gateways.scrape, nowMs: clock.monotonicMs });
    await figures.round();
    const files = fileRollouts(join(dir, 'rollouts'), () => true, note);
    const store: RolloutStore = {
      list() {
        calls.reads += 1;
        return away.store ? unavailable() : files.list();
      },
      save(rollout, version) {
        calls.saved.push(rollout.id);
        return away.store ? unavailable() : files.save(rollout, version);
      },
    };
    const audited = auditedChanges(audit, clock, logger);
    const rollouts = new Rollouts({
      ledger: new Ledger(store, clock.monotonicMs),
      routing,
      enforcer: new Enforcer(routing),
      measure: new Measure(figures, clock.monotonicMs),
      versionsOf: async () => versions,
      reports: new SlowReports(
        { report: async () => ({ ...(await report()), at_ms: clock.epochMs() }) },
        clock,
      ),
      changes: audited,
      clock,
      logger,
      follows: () => away.leader,
    });
    return { routing, figures, rollouts, audited };
  };

  let process = await start();
  const bench = {
    clock,
    gateways,
    changes,
    logged,
    log: (fields: unknown) => void logged.push(fields),
    away,
    calls,
    path,
    get rollouts() {
      return process.rollouts;
    },
    get figures() {
      return process.figures;
    },
    get audited() {
      return process.audited;
    },
    get routing() {
      return process.routing;
    },
    /** What the model repository has of the model; undefined: nobody knows. */
    repository(has: readonly string[] | undefined): void {
      versions = has;
    },
    /** Each answer is of now. */
    report(answer: () => Promise<ExperimentReport>): void {
      report = answer;
    },
    async restart(): Promise<void> {
      process = await start();
    },
    weights: (): number[] | undefined =>
      process.routing.current().routing.models[MODEL]?.experiment.variants.map(({ weight }) => weight),
    /** The newest rollout. */
    async now(): Promise<Rollout> {
      const [newest] = await process.rollouts.list();
      if (!newest) throw new Error('there is no rollout');
      return newest;
    },
    async start(policy: RolloutPolicy, version = '2'): Promise<Rollout> {
      return process.rollouts.start({ model: MODEL, version, policy }, 'key:k1');
    },
    async act(action: RolloutActionName, by = 'key:k1', why = ''): Promise<Rollout> {
      return process.rollouts.act((await bench.now()).id, action, by, why);
    },
    /** So many seconds, each with this traffic. */
    async seconds(count: number, candidate: Traffic, control: Traffic = { requests: 90 }): Promise<void> {
      for (let second = 0; second < count; second += 1) {
        const of = (await process.rollouts.list())[0];
        if (of) {
          gateways.serve(of.candidate.version, of.candidate.variant, candidate);
          gateways.serve(of.control.version, of.control.variant, control);
        }
        clock.advance(1000);
        await process.figures.round();
        await process.rollouts.tick();
      }
    },
    /** As an editor does it. */
    edit(change: (text: string) => string): void {
      writeFileSync(path, change(readFileSync(path, 'utf8')));
    },
  };
  return bench;
}

/** Steps of so many percent, 5 s each. */
export function policyOf(
  weights: readonly number[],
  rest: Partial<Parameters<typeof policySchema.parse>[0] & object> = {},
): RolloutPolicy {
  const policy = policySchema.parse({
    steps: weights.map((weight) => ({ weight, hold_s: 5, min_samples: 20 })),
    guardrails: [{ metric: 'error_rate' }],
    ready_within_s: 30,
    ...rest,
  });
  return policyFor(policy, {});
}

/** A report about the rollout in progress, as experiments give it. */
export function reportOf(
  experiment: string,
  variant: string,
  {
    srm = 'as_expected',
    accuracy,
  }: { srm?: ExperimentReport['srm']['verdict']; accuracy?: readonly [low: number, high: number] },
): ExperimentReport {
  const [low, high] = accuracy ?? [null, null];
  return {
    model: MODEL,
    experiment,
    started_at_ms: 0,
    ended_at_ms: null,
    at_ms: 0,
    split_since_ms: 0,
    level: 0.95,
    sentence: '',
    variants: [],
    srm: { verdict: srm, e_value: 1, sentence: `units: ${srm}` },
    metrics: [
      {
        metric: 'accuracy',
        unit: 'share',
        higher_is_better: true,
        control: { value: 0.9, units: 500 },
        comparisons: [
          {
            variant,
            value: accuracy ? 0.5 : null,
            units: accuracy ? 100 : 0,
            difference: null,
            low,
            high,
            verdict: accuracy ? 'no_difference_yet' : 'no_data',
            why: accuracy ? `between ${low} and ${high}` : 'no feedback yet',
            left_out: '',
          },
        ],
      },
    ],
    runs: [],
  };
}
