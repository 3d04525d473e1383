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

/** Shows the newest rollout of each model, with the value and the limit of each guardrail. */
export function exposeRollouts(registry: Registry, rollouts: Rollouts): void {
  const registers = [registry];
  const gauge = (
    name: string,
    help: string,
    labelNames: string[],
    set: (of: Gauge, newest: readonly Rollout[]) => void,
  ) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      async collect() {
        const newest = newestOfEach(await rollouts.list().catch(() => []));
        this.reset();
        set(this, newest);
      },
    });
  gauge(
    METRIC.rolloutState,
    '1 for the state of the newest rollout of a model.',
    ['model', 'state'],
    (of, newest) => {
      for (const { model, state } of newest) {
        for (const kind of STATES) of.set({ model, state: kind }, kind === state.kind ? 1 : 0);
      }
    },
  );
  gauge(
    METRIC.rolloutWeight,
    'Share of the units that the candidate of a rollout gets.',
    ['model'],
    (of, newest) => {
      for (const { model, weight, state } of newest) of.set({ model }, isActive({ state }) ? weight : 0);
    },
  );
  const labels = ['model', 'guardrail'];
  gauge(METRIC.rolloutEvidence, 'What a guardrail measured for the candidate last.', labels, (of, newest) => {
    for (const { model, evidence } of newest) {
      for (const { metric, value } of evidence)
        if (value !== null) of.set({ model, guardrail: metric }, value);
    }
  });
  gauge(METRIC.rolloutLimit, 'Value from which on a guardrail fails.', labels, (of, newest) => {
    for (const { model, evidence } of newest) {
      for (const { metric, limit } of evidence)
        if (limit !== null) of.set({ model, guardrail: metric }, limit);
    }
  });
  gauge(METRIC.rolloutVerdict, '1 for the verdict of a guardrail.', [...labels, 'verdict'], (of, newest) => {
    for (const { model, evidence } of newest) {
      for (const { metric, verdict } of evidence) {
        for (const one of VERDICTS)
          of.set({ model, guardrail: metric, verdict: one }, one === verdict ? 1 : 0);
      }
    }
  });
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

function newestOfEach(rollouts: readonly Rollout[]): readonly Rollout[] {
  const models = new Map<string, Rollout>();
  for (const rollout of rollouts) if (!models.has(rollout.model)) models.set(rollout.model, rollout);
  return [...models.values()];
}
