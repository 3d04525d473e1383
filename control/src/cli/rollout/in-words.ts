import {
  type Evidence,
  hadUnits,
  type Rollout,
  type RolloutState,
  sampleOf,
  type Transition,
} from '@headgate/contracts/rollout';
import type { Experiment } from '@headgate/contracts/routing';
import { indented, milliseconds, NONE, percent, round, time } from '../in-words.ts';
import { table } from '../print.ts';

type Described = Pick<Rollout, 'state' | 'policy' | 'weight' | 'candidate'>;

/** The state in one line, with what the rollout waits for. */
export function stateInWords({ state, policy, weight, candidate: { version } }: Described): string {
  const since = time(state.since_ms);
  const step =
    'step' in state ? `step ${state.step + 1} of ${policy.steps.length} at ${percent(weight)}` : '';
  switch (state.kind) {
    case 'preparing': {
      const end = time(state.since_ms + policy.ready_within_s * 1000);
      const missing = state.waits_for === undefined ? '' : ` (${state.waits_for})`;
      return `preparing since ${since}: version ${version} gets no units until it is ready on every gateway${missing}; at ${end} the rollout ends without it`;
    }
    case 'running':
      return `${step}; waits for ${state.waits_for}`;
    case 'awaiting_approval':
      return `${step} is complete since ${since}; waits for headgate rollout promote`;
    case 'paused':
      return `paused at ${since} in ${step} by ${actor(state.by)}${because(state.why)}`;
    case 'rolled_back':
      return `rolled back at ${since} by ${actor(state.by)}${because(state.why)}`;
    case 'promoted':
      return `promoted at ${since} by ${actor(state.by)}: version ${version} became the control`;
  }
}

/** `control` would read as the control variant. */
export const actor = (by: string): string => (by === 'control' ? 'the controller' : by);
export const because = (why: string): string => (why === '' ? '' : `: ${why}`);

const TITLES: Record<RolloutState['kind'], string> = {
  preparing: 'preparing',
  running: 'running',
  awaiting_approval: 'awaiting approval',
  paused: 'paused',
  rolled_back: 'ROLLED BACK',
  promoted: 'PROMOTED',
};

/** One line with the time, and the evidence below it. */
export function transitionInWords({ at_ms, to, weight, by, why = '', evidence }: Transition): string {
  const step = 'step' in to ? ` step ${to.step + 1}` : '';
  const reason = because('why' in to ? to.why : why);
  const line = `${time(at_ms)}  ${TITLES[to.kind]}${step}, candidate at ${percent(weight)}, by ${actor(by)}${reason}`;
  return [line, ...evidence.map((one) => indented(evidenceInWords(one)))].join('\n');
}

function evidenceInWords(evidence: Evidence): string {
  const { metric, verdict, value, control, limit, detail } = evidence;
  const figures = [
    value === null ? 'no value' : measured(metric, value),
    ...(control === null ? [] : [`control ${measured(metric, control)}`]),
    ...(limit === null ? [] : [`limit ${measured(metric, limit)}`]),
    samplesInWords(evidence),
  ];
  return `${VERDICTS[verdict]}  ${metric}: ${figures.join(', ')}; ${detail}`;
}

const samplesInWords = (evidence: Evidence): string =>
  `${evidence.samples} ${sampleOf(evidence)}${evidence.samples === 1 ? '' : 's'}`;

const VERDICTS: Record<Evidence['verdict'], string> = {
  pass: 'PASS',
  fail: 'FAIL',
  no_data: 'NO DATA',
  error: 'NOT MEASURED',
};

/** In the unit of the metric. */
function measured(metric: string, value: number | null): string {
  if (value === null) return NONE;
  if (metric.endsWith('_ms')) return milliseconds(value);
  if (metric === 'error_rate' || metric === 'accuracy') return percent(value * 100);
  return String(round(value, Math.abs(value) < 1 ? 4 : 1));
}

/** @param inForce the model's experiment now; of an ended rollout, which may have changed since */
export function rolloutInWords(rollout: Rollout, inForce: Experiment | undefined): string {
  const { id, model, control, candidate, started_at_ms, started_by, evidence } = rollout;
  const rows = evidence.map((one) => [
    one.metric,
    VERDICTS[one.verdict].toLowerCase(),
    ...[one.value, one.control, one.limit].map((value) => measured(one.metric, value)),
    samplesInWords(one),
  ]);
  const headings = ['GUARDRAIL', 'VERDICT', 'VALUE', 'CONTROL', 'LIMIT', 'SAMPLES'];
  return [
    `rollout ${id} of ${model}: version ${candidate.version} against version ${control.version}`,
    `started at ${time(started_at_ms)} by ${started_by}`,
    stateInWords(rollout),
    ...(inForce === undefined ? [] : [`in force now: ${splitInWords(inForce)}`]),
    ...(rows.length === 0 ? [] : ['', 'last measurements', table(headings, rows)]),
    '',
    'what happened',
    ...rollout.transitions.map(transitionInWords),
    ...(hadUnits(rollout)
      ? ['', `which version is better: headgate experiment report ${model} --experiment ${id}`]
      : []),
  ].join('\n');
}

const splitInWords = ({ variants }: Experiment): string =>
  variants.map(({ version, weight }) => `version ${version} at ${percent(weight)}`).join(', ');
