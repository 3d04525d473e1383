import type { ExperimentReport } from '@headgate/contracts/admin/api';
import { pause, type TimerClock } from '@headgate/runtime/clock';
import { AdminError } from '../api/api-env.ts';
import type { SlowReport } from './judge-slow.ts';

/** What the rollouts need of experiments. */
interface Reports {
  report(model: string, asked: { readonly experiment: string }): Promise<ExperimentReport>;
}

const EVERY_MS = 5000;
const DEADLINE_MS = 10_000;
/** A report that is older says nothing about now. */
const MAX_AGE_MS = 60_000;

interface Known {
  readonly experiment: string;
  /** When the store answered, and of when its answer is. */
  readonly atMs: number;
  readonly ofMs: number;
  readonly slow: SlowReport;
}

/** Reports of the store, read in the background: `latest` answers at once. */
export class SlowReports {
  readonly #reports: Reports;
  readonly #clock: TimerClock;
  /** By model, which is in one rollout at a time. */
  readonly #known = new Map<string, Known>();
  /** Experiments that the store is asked about, until it answers: never two questions about one at a time. */
  readonly #asked = new Set<string>();

  constructor(reports: Reports, clock: TimerClock) {
    this.#reports = reports;
    this.#clock = clock;
  }

  /** Asks again when the last answer is older than 5 s. */
  latest(model: string, experiment: string): SlowReport {
    const nowMs = this.#clock.monotonicMs();
    const last = this.#known.get(model);
    const known = last?.experiment === experiment ? last : undefined;
    if (!known || nowMs - known.atMs >= EVERY_MS) void this.#ask(model, experiment);
    if (!known) return { kind: 'no_data', why: 'the store is asked' };
    if (nowMs - known.ofMs < MAX_AGE_MS) return known.slow;
    return { kind: 'error', why: 'the newest report is older than a minute' };
  }

  async #ask(model: string, experiment: string): Promise<void> {
    if (this.#asked.has(experiment)) return;
    this.#asked.add(experiment);
    const know = (slow: SlowReport) => {
      const atMs = this.#clock.monotonicMs();
      this.#known.set(model, { experiment, atMs, ofMs: atMs - this.#ageMs(slow), slow });
    };
    const answered = new AbortController();
    const answer = this.#reports.report(model, { experiment }).then(
      (report) => know({ kind: 'report', report }),
      (error: unknown) => know(whyNot(error)),
    );
    void pause(this.#clock, DEADLINE_MS, answered.signal).then(() => {
      if (!answered.signal.aborted) know({ kind: 'error', why: 'the store did not answer within 10 s' });
    });
    await answer;
    answered.abort();
    this.#asked.delete(experiment);
  }

  /** Experiments may give a report again that took long to make. */
  #ageMs(slow: SlowReport): number {
    return slow.kind === 'report' ? Math.max(0, this.#clock.epochMs() - slow.report.at_ms) : 0;
  }
}

function whyNot(error: unknown): SlowReport {
  if (error instanceof AdminError && error.reason === 'not_found') {
    return { kind: 'no_data', why: 'no records yet' };
  }
  return { kind: 'error', why: error instanceof AdminError ? error.detail : 'the store cannot be read' };
}
