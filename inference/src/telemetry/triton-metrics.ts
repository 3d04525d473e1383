import type { Reason } from '@headgate/contracts/errors';
import { TRITON_METRIC } from '@headgate/contracts/names';
import type { Registry } from 'prom-client';
import { collectedCounter, collectedGauge, perVersion } from './collected.ts';
import type { StateSource } from './state-metrics.ts';
import type { Statistics } from './statistics.ts';
import type { Outcome, Total, VersionCounters } from './version-counters.ts';

/** Triton's reasons of a failure. */
const FAILURES = ['REJECTED', 'CANCELED', 'BACKEND', 'OTHER'] as const;
type Failure = (typeof FAILURES)[number];

/**
 * The names under which Triton exports the same figures, so that dashboards made for it work here: read from the
 * statistics, and only of what is served. Durations are cumulative, in microseconds.
 */
export function exposeTritonNames(registry: Registry, source: StateSource, statistics: Statistics): void {
  const counter = perVersion(registry, collectedCounter, () => statistics.entriesOf(source.all()));
  const duration = (name: string, help: string, read: (counters: VersionCounters) => Total) =>
    counter.each(name, help, ({ counters }) => Math.round(read(counters).ms * 1000));

  counter.each(
    TRITON_METRIC.requestSuccess,
    'Successful inference requests; a batch is one.',
    ({ counters }) => counters.success.count,
  );
  counter.by(
    'reason',
    TRITON_METRIC.requestFailure,
    'Failed inference requests by reason: REJECTED, CANCELED, BACKEND or OTHER.',
    ({ counters }) => failures(counters),
  );
  counter.each(
    TRITON_METRIC.count,
    'Inferences performed; a batch of n is n.',
    ({ counters }) => counters.inferences,
  );
  counter.each(TRITON_METRIC.execCount, 'Runs of the model.', ({ counters }) => counters.executions);
  duration(TRITON_METRIC.requestDuration, 'End-to-end time of requests.', ({ success }) => success);
  duration(TRITON_METRIC.queueDuration, 'Time of requests in the queue.', ({ queue }) => queue);
  duration(TRITON_METRIC.inputDuration, 'Time to decode inputs.', ({ decode }) => decode);
  duration(TRITON_METRIC.inferDuration, 'Time of model runs.', ({ run }) => run);
  duration(TRITON_METRIC.outputDuration, 'Time to word outputs.', ({ respond }) => respond);
  const state = perVersion(registry, collectedGauge, () => source.all());
  state.each(TRITON_METRIC.pending, 'Items that wait for an engine.', ({ queued }) => queued);
}

/** Triton exports each reason from the start. */
function failures({ outcomes }: VersionCounters): (readonly [Failure, number])[] {
  const failed = [...outcomes].map(([outcome, count]) => [failureOf(outcome), count] as const);
  const zeros = FAILURES.map((reason) => [reason, 0] as const);
  return [...zeros, ...failed.filter((one): one is readonly [Failure, number] => one[0] !== undefined)];
}

const FAILURE_OF: Partial<Record<Reason, Failure>> = {
  overloaded: 'REJECTED',
  deadline_exceeded: 'REJECTED',
  cancelled: 'CANCELED',
  unavailable: 'BACKEND',
  internal: 'BACKEND',
};

function failureOf(outcome: Outcome): Failure | undefined {
  return outcome === 'ok' ? undefined : (FAILURE_OF[outcome] ?? 'OTHER');
}
