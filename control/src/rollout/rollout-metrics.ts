import { METRIC } from '@headgate/contracts/names';
import { isActive, type Rollout, type RolloutState, VERDICTS } from '@headgate/contracts/rollout';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Rollouts } from './rollouts.ts';

const STATES: readonly RolloutState['kind'][] = [
  'preparing',
  'running',
  'awaiting_approval',
  'paused',
  'rolled_back',
  'promoted',
];

type Sampled = readonly [labels: Record<string, string>, value: number | null];

/** Shows the newest rollout of each model, with the value and the limit of each guardrail. */
export function exposeRollouts(registry: Registry, rollouts: Rollouts): void {
  const gauge = (name: string, help: string, labelNames: string[], of: (newest: Rollout) => Sampled[]) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      async collect() {
        const newest = newestOfEach(await rollouts.list().catch(() => []));
        this.reset();
        for (const [labels, value] of newest.flatMap(of)) if (value !== null) this.set(labels, value);
      },
    });
  gauge(
    METRIC.rolloutState,
    '1 for the state of the newest rollout of a model.',
    ['model', 'state'],
    ({ model, state }) => STATES.map((kind) => [{ model, state: kind }, kind === state.kind ? 1 : 0]),
  );
  gauge(
    METRIC.rolloutWeight,
    'Share of the units that the candidate of a rollout gets.',
    ['model'],
    ({ model, weight, state }) => [[{ model }, isActive({ state }) ? weight : 0]],
  );
  const labels = ['model', 'guardrail'];
  gauge(
    METRIC.rolloutEvidence,
    'What a guardrail measured for the candidate last.',
    labels,
    ({ model, evidence }) => evidence.map(({ metric, value }) => [{ model, guardrail: metric }, value]),
  );
  gauge(METRIC.rolloutLimit, 'Value from which on a guardrail fails.', labels, ({ model, evidence }) =>
    evidence.map(({ metric, limit }) => [{ model, guardrail: metric }, limit]),
  );
  gauge(
    METRIC.rolloutVerdict,
    '1 for the verdict of a guardrail.',
    [...labels, 'verdict'],
    ({ model, evidence }) =>
      evidence.flatMap(({ metric, verdict }) =>
        VERDICTS.map((one) => [{ model, guardrail: metric, verdict: one }, one === verdict ? 1 : 0]),
      ),
  );
  countTransitions(registry, rollouts);
}

function countTransitions(registry: Registry, rollouts: Rollouts): void {
  const transitions = new Counter({
    name: METRIC.rolloutTransitions,
    help: 'Transitions of rollouts that this process made, by the state that they led to.',
    labelNames: ['model', 'state'] as const,
    registers: [registry],
  });
  rollouts.onChange(({ model, state }, isTransition) => {
    if (isTransition) transitions.inc({ model, state: state.kind });
  });
}

/** @param rollouts newest first */
const newestOfEach = (rollouts: readonly Rollout[]): readonly Rollout[] => [
  ...new Map(rollouts.toReversed().map((rollout) => [rollout.model, rollout])).values(),
];
