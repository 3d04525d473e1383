import type { Evidence, Rollout, RolloutState, Transition } from '@headgate/contracts/rollout';
import { indented, NONE, percent, round, time } from '../in-words.ts';
import { table } from '../print.ts';

/** The state in one line, with what the rollout waits for. */
export function stateInWords({
  state,
  policy,
  weight,
}: Pick<Rollout, 'state' | 'policy' | 'weight'>): string {
  const steps = policy.steps.length;
  switch (state.kind) {
    case 'preparing':
      return 'preparing: the version is loaded, without traffic';
    case 'running':
      return `step ${state.step + 1} of ${steps} at ${percent(weight)}; waits for ${state.waits_for}`;
    case 'awaiting_approval':
      return `step ${state.step + 1} of ${steps} at ${percent(weight)} is complete; waits for headgate rollout promote`;
    case 'paused':
      return `paused in step ${state.step + 1} of ${steps} at ${percent(weight)} by ${state.by}: ${state.why}`;
    case 'rolled_back':
      return `rolled back by ${state.by}: ${state.why}`;
    case 'promoted':
      return `promoted by ${state.by}`;
  }
}

const TITLES: Record<RolloutState['kind'], string> = {
  preparing: 'preparing',
  running: 'running',
  awaiting_approval: 'awaiting approval',
  paused: 'paused',
  rolled_back: 'ROLLED BACK',
  promoted: 'PROMOTED',
};

/** One line with the time, and the evidence below it. */
export function transitionInWords({ at_ms, to, weight, by, evidence }: Transition): string {
  const step = 'step' in to ? ` step ${to.step + 1}` : '';
  const why = 'why' in to ? `: ${to.why}` : '';
  const line = `${time(at_ms)}  ${TITLES[to.kind]}${step}, candidate at ${percent(weight)}, by ${by}${why}`;
  return [line, ...evidence.map((one) => indented(evidenceInWords(one)))].join('\n');
}

function evidenceInWords({ metric, verdict, value, control, limit, samples, detail }: Evidence): string {
  const figures = [
    value === null ? 'no value' : `${figure(value)}`,
    ...(control === null ? [] : [`control ${figure(control)}`]),
    ...(limit === null ? [] : [`limit ${figure(limit)}`]),
    `${samples} samples`,
  ];
  return `${verdict.toUpperCase()}  ${metric}: ${figures.join(', ')}; ${detail}`;
}

const figure = (value: number | null): string =>
  value === null ? NONE : String(round(value, Math.abs(value) < 1 ? 4 : 1));

export function rolloutInWords(rollout: Rollout): string {
  const { id, model, control, candidate, started_at_ms, started_by, evidence } = rollout;
  const rows = evidence.map((one) => [
    one.metric,
    one.verdict,
    figure(one.value),
    figure(one.control),
    figure(one.limit),
    String(one.samples),
  ]);
  const headings = ['GUARDRAIL', 'VERDICT', 'VALUE', 'CONTROL', 'LIMIT', 'SAMPLES'];
  return [
    `rollout ${id} of ${model}: version ${candidate.version} against ${control.version}`,
    `started at ${time(started_at_ms)} by ${started_by}`,
    stateInWords(rollout),
    ...(rows.length === 0 ? [] : ['', table(headings, rows)]),
    '',
    ...rollout.transitions.map(transitionInWords),
  ].join('\n');
}
