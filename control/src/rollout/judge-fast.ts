import type { Evidence, Guardrail } from '@headgate/contracts/rollout';
import type { WindowFigures } from '../figures/live-figures.ts';
import type { ExcessTest } from '../statistics/rare-rates.ts';

/** What gateways counted for both groups in the same time. */
export interface Pair {
  readonly candidate: WindowFigures;
  readonly control: WindowFigures;
}

export interface FastFigures {
  /** The last 10 s and the last minute, as far as they lie within the step. */
  readonly short: readonly Pair[];
  /** The last 15 minutes of a longer step, and the step. Empty: no gateway answered for 5 s. */
  readonly long: readonly Pair[];
  /** Whether every gateway answered: a failure needs some of them, a pass all. */
  readonly isComplete: boolean;
  /** There is no control group in the last step. */
  readonly isAlone: boolean;
  /** Of the rollout so far: whether the candidate fails more often than control. */
  readonly excess: ExcessTest;
}

type Of<M extends Guardrail['metric']> = Extract<Guardrail, { readonly metric: M }>;

/** A version as good as control is rolled back by mistake in at most one of a hundred rollouts. */
const LOG_LIMIT = Math.log(100);
/** Below it a rate says nothing (decision 0099). */
const MIN_REQUESTS = 10;
/** One or two errors among ten requests are no rate: any version has them now and then. */
const MIN_ERRORS = 3;
/** Standard deviations above the limit: each second is another chance to be there by accident (decision 0099). */
const DEVIATIONS = 3;
/** So many must lie above a 95th percentile, five, before it means anything. */
export const MIN_LATENCIES = 100;

const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
const rateOf = ({ requests, errors }: WindowFigures) => (requests === 0 ? 0 : errors / requests);
const unmeasured = { value: null, control: null, limit: null, samples: 0 } as const;

/** More errors than a version at the limit has by chance. */
function isOver({ requests, errors }: WindowFigures, max: number): boolean {
  const allowed = max * requests + DEVIATIONS * Math.sqrt(requests * max * (1 - max));
  return requests >= MIN_REQUESTS && errors >= MIN_ERRORS && errors > allowed;
}

/** Fails for a rate clearly over the limit in one of the windows; and for a significant increase over control, of requests. */
export function judgeErrors(guardrail: Of<'error_rate'>, figures: FastFigures): Evidence {
  const { metric, max } = guardrail;
  const { short, long, isComplete } = figures;
  const over = [...short, ...long].find(({ candidate }) => isOver(candidate, max));
  const pair = over ?? long.at(-1);
  if (!pair) return { metric, verdict: 'no_data', ...unmeasured, detail: 'no gateway answered for 5 s' };
  const { candidate, control } = pair;
  const [value, controls] = [rateOf(candidate), rateOf(control)];
  const measured = {
    metric,
    value: candidate.requests === 0 ? null : value,
    control: control.requests === 0 ? null : controls,
    limit: max,
    samples: candidate.requests,
  };
  const said = `${candidate.errors} errors in ${candidate.requests} requests, ${percent(value)}`;
  // What fails for both groups is not the candidate's.
  const failBoth = control.requests >= MIN_REQUESTS && controls > max && value <= controls + max;
  const limit = `the limit is ${percent(max)}`;
  if (over && !failBoth) return { ...measured, verdict: 'fail', detail: `${said}; ${limit}` };
  if (figures.excess.logE >= LOG_LIMIT) return significant(guardrail, figures.excess);
  const noData = (detail: string): Evidence => ({ ...measured, verdict: 'no_data', detail });
  if (over) return noData(`${said}; control fails as well`);
  if (candidate.requests < MIN_REQUESTS) return noData(`${candidate.requests} of ${MIN_REQUESTS} requests`);
  if (value > max) return noData(`${said}; ${limit}, and this may be chance`);
  if (!isComplete) return noData('not every gateway answers');
  return { ...measured, verdict: 'pass', detail: `${said}; ${limit}` };
}

function significant({ metric, max_increase: margin }: Of<'error_rate'>, { seen }: ExcessTest): Evidence {
  const { candidate, control } = seen;
  const [value, controls] = [candidate.failures / candidate.requests, control.failures / control.requests];
  const points = (margin * 100).toFixed(1);
  const detail = `${percent(value)} errors, control ${percent(controls)}: significantly more than ${points} points above it`;
  const limit = Math.min(1, controls + margin);
  return { metric, verdict: 'fail', value, control: controls, limit, samples: candidate.requests, detail };
}

/**
 * Fails for what is certain within the buckets of the gateway's histogram; finer differences are the store's. Reads the
 * newest window with enough requests.
 */
export function judgeLatency(guardrail: Of<'p95_ms' | 'p99_ms'>, figures: FastFigures): Evidence {
  const { metric, max, max_ratio: ratio } = guardrail;
  const fewestOf = ({ candidate, control }: Pair) =>
    figures.isAlone ? candidate.requests : Math.min(candidate.requests, control.requests);
  const pair = figures.long.find((of) => fewestOf(of) >= MIN_LATENCIES) ?? figures.long.at(-1);
  if (!pair) return { metric, verdict: 'no_data', ...unmeasured, detail: 'no gateway answered for 5 s' };
  const { candidate, control } = pair;
  const [mine, theirs] = [candidate.bounds[metric], control.bounds[metric]];
  const key = metric === 'p95_ms' ? 'p95Ms' : 'p99Ms';
  const [value, controls] = [candidate[key], figures.isAlone ? null : control[key]];
  const limit = max ?? (controls === null ? null : ratio * controls);
  const measured = { metric, value, control: controls, limit, samples: candidate.requests };
  if (fewestOf(pair) < MIN_LATENCIES || !mine) {
    const detail = `${fewestOf(pair)} of ${MIN_LATENCIES} requests in each group`;
    return { ...measured, verdict: 'no_data', detail };
  }
  const said = `${Math.round(value ?? 0)} ms${controls === null ? '' : `, control ${Math.round(controls)} ms`}`;
  const overMax = max !== undefined && mine.lowMs >= max;
  const overControl = !figures.isAlone && theirs !== null && mine.lowMs > ratio * theirs.highMs;
  if (overMax) return { ...measured, verdict: 'fail', detail: `${said}; the limit is ${max} ms` };
  if (overControl)
    return { ...measured, verdict: 'fail', detail: `${said}; the limit is ${ratio} times control` };
  if (!figures.isComplete) return { ...measured, verdict: 'no_data', detail: 'not every gateway answers' };
  return { ...measured, verdict: 'pass', detail: said };
}
