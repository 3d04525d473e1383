import type { ExperimentReport } from '@headgate/contracts/admin/api';
import { pause, type TimerClock } from '@headgate/runtime/clock';
import { AdminError } from '../api/api-env.ts';
import type { SlowReport } from './judge-slow.ts';

/** What the rollouts need of experiments. */
export interface Reports {
  report(model: string, asked: { readonly experiment: string }): Promise<ExperimentReport>;
}

const EVERY_MS = 5000;
const DEADLINE_MS = 10_000;
/** A report that is older says nothing about now. */
const MAX_AGE_MS = 60_000;

interface Known {
  readonly atMs: number;
  readonly slow: SlowReport;
}

/** Reports of the store in the background: whoever asks gets the last one at once. */
export class SlowReports {
  readonly #reports: Reports;
  readonly #clock: TimerClock;
  readonly #known = new Map<string, Known>();
  /** Experiments that the store is asked about. A question that nobody waits for any more keeps its place until it ends. */
  readonly #asked = new Set<string>();

  constructor(reports: Reports, clock: TimerClock) {
    this.#reports = reports;
    this.#clock = clock;
  }

  /** Asks again when the last answer is older than 5 s. */
  latest(model: string, experiment: string): SlowReport {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#known.get(experiment);
    if (!known || nowMs - known.atMs >= EVERY_MS) void this.#ask(model, experiment);
    if (!known) return { kind: 'no_data', why: 'the store is asked' };
    if (nowMs - known.atMs < MAX_AGE_MS) return known.slow;
    return { kind: 'error', why: 'the store has not answered for a minute' };
  }

  async #ask(model: string, experiment: string): Promise<void> {
    if (this.#asked.has(experiment)) return;
    this.#asked.add(experiment);
    const know = (slow: SlowReport) => this.#known.set(experiment, { atMs: this.#clock.monotonicMs(), slow });
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
}

function whyNot(error: unknown): SlowReport {
  if (error instanceof AdminError && error.reason === 'not_found') {
    return { kind: 'no_data', why: 'no records yet' };
  }
  return { kind: 'error', why: error instanceof AdminError ? error.detail : 'the store cannot be read' };
}
