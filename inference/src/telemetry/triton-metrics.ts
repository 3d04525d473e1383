import type { Reason } from '@headgate/contracts/errors';
import { TRITON_METRIC } from '@headgate/contracts/names';
import type { Registry } from 'prom-client';
import type { Deployment } from '../models/deployment.ts';
import { collectedCounter, collectedGauge } from './collected.ts';
import type { Statistics } from './statistics.ts';
import type { Outcome, Total, VersionCounters } from './version-counters.ts';

/** Triton's reasons of a failure. */
const FAILURES = ['REJECTED', 'CANCELED', 'BACKEND', 'OTHER'] as const;
type Failure = (typeof FAILURES)[number];

const VERSION = ['model', 'version'] as const;

interface Source {
  all(): readonly Deployment[];
}

/**
 * The names under which Triton exports the same figures, so that dashboards made for it work here. Nothing is
 * counted for them: they are read from the statistics when somebody asks. Durations are cumulative, in
 * microseconds.
 */
export function exposeTritonNames(registry: Registry, source: Source, statistics: Statistics): void {
  const counter = (name: string, help: string, read: (counters: VersionCounters) => number) =>
    collectedCounter(registry, {
      name,
      help,
      labels: VERSION,
      collect: (sample) => {
        for (const { model, version, counters } of servedOf(source, statistics)) {
          sample({ model, version }, read(counters));
        }
      },
    });
  const duration = (name: string, help: string, read: (counters: VersionCounters) => Total) =>
    counter(name, help, (counters) => Math.round(read(counters).ms * 1000));

  counter(
    TRITON_METRIC.requestSuccess,
    'Successful inference requests; a batch is one.',
    ({ success }) => success.count,
  );
  failures(registry, source, statistics);
  counter(TRITON_METRIC.count, 'Inferences performed; a batch of n is n.', ({ inferences }) => inferences);
  counter(TRITON_METRIC.execCount, 'Runs of the model.', ({ executions }) => executions);
  duration(TRITON_METRIC.requestDuration, 'End-to-end time of requests.', ({ success }) => success);
  duration(TRITON_METRIC.queueDuration, 'Time of requests in the queue.', ({ queue }) => queue);
  duration(TRITON_METRIC.inputDuration, 'Time to decode inputs.', ({ decode }) => decode);
  duration(TRITON_METRIC.inferDuration, 'Time of model runs.', ({ run }) => run);
  duration(TRITON_METRIC.outputDuration, 'Time to word outputs.', ({ respond }) => respond);
  collectedGauge(registry, {
    name: TRITON_METRIC.pending,
    help: 'Items that wait for an engine.',
    labels: VERSION,
    collect: (sample) => {
      for (const { model, version, queued } of source.all()) sample({ model, version }, queued);
    },
  });
}

function failures(registry: Registry, source: Source, statistics: Statistics): void {
  collectedCounter(registry, {
    name: TRITON_METRIC.requestFailure,
    help: 'Failed inference requests by reason: REJECTED, CANCELED, BACKEND or OTHER.',
    labels: [...VERSION, 'reason'],
    collect: (sample) => {
      for (const { model, version, counters } of servedOf(source, statistics)) {
        // Triton exports each reason from the start.
        for (const reason of FAILURES) sample({ model, version, reason }, 0);
        for (const [outcome, count] of counters.outcomes) {
          const reason = failureOf(outcome);
          if (reason) sample({ model, version, reason }, count);
        }
      }
    },
  });
}

/** Only what is served: Triton has no series for names that callers made up. */
function servedOf(source: Source, statistics: Statistics) {
  const served = new Set(source.all().map(({ model, version }) => `${model}/${version}`));
  return statistics.entries().filter(({ model, version }) => served.has(`${model}/${version}`));
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
