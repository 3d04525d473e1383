import type { Evidence, Guardrail } from '@headgate/contracts/rollout';
import type { WindowFigures } from '../figures/live-figures.ts';
import type { ExcessTest } from '../statistics/rare-rates.ts';

/** What gateways counted for both groups in the same time. */
export interface Pair {
  readonly candidate: WindowFigures;
  readonly control: WindowFigures;
}

export interface FastFigures {
  /** Newest and shortest first; the last one begins with the step. Empty: no gateway answered for 5 s. */
  readonly windows: readonly Pair[];
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
/** So many must lie above a 95th percentile, five, before it means anything. */
const MIN_LATENCIES = 100;

const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
const rateOf = ({ requests, errors }: WindowFigures) => (requests === 0 ? 0 : errors / requests);
const unmeasured = { value: null, control: null, limit: null, samples: 0 } as const;

/**
 * Acts before significance on a rate over the limit, in the last 10 s, the last minute, or the whole step; and on a
 * significant increase over control, of requests.
 */
export function judgeErrors(guardrail: Of<'error_rate'>, figures: FastFigures): Evidence {
  const { metric, max } = guardrail;
  const { windows, isComplete } = figures;
  const isOver = ({ candidate: { requests, errors } }: Pair) =>
    requests >= MIN_REQUESTS && errors >= MIN_ERRORS && errors / requests > max;
  const over = windows.find(isOver);
  const pair = over ?? windows.at(-1);
  if (!pair) return { metric, verdict: 'no_data', ...unmeasured, detail: 'no gateway answered for 5 s' };
  const { candidate, control } = pair;
  const [value, controls] = [rateOf(candidate), rateOf(control)];
  const measured = { metric, value, control: controls, limit: max, samples: candidate.requests };
  const said = `${candidate.errors} errors in ${candidate.requests} requests, ${percent(value)}`;
  // What fails for both groups is not the candidate's.
  const failBoth = control.requests >= MIN_REQUESTS && controls > max && value <= controls + max;
  if (over && failBoth) return { ...measured, verdict: 'no_data', detail: `${said}; control fails as well` };
  if (over) return { ...measured, verdict: 'fail', detail: `${said}; the limit is ${percent(max)}` };
  if (figures.excess.logE >= LOG_LIMIT) return significant(guardrail, figures.excess);
  if (candidate.requests < MIN_REQUESTS) {
    return { ...measured, verdict: 'no_data', detail: `${candidate.requests} of ${MIN_REQUESTS} requests` };
  }
  if (!isComplete) return { ...measured, verdict: 'no_data', detail: 'not every gateway answers' };
  return { ...measured, verdict: 'pass', detail: `${said}; the limit is ${percent(max)}` };
}

function significant({ metric, max_increase: margin }: Of<'error_rate'>, { seen }: ExcessTest): Evidence {
  const { candidate, control } = seen;
  const [value, controls] = [candidate.failures / candidate.requests, control.failures / control.requests];
  const detail = `${percent(value)} errors, control ${percent(controls)}: significantly more than ${percent(margin)} apart`;
  const limit = Math.min(1, controls + margin);
  return { metric, verdict: 'fail', value, control: controls, limit, samples: candidate.requests, detail };
}

/** Fails for what is certain within the buckets of the gateway's histogram; finer differences are the store's. */
export function judgeLatency(guardrail: Of<'p95_ms' | 'p99_ms'>, figures: FastFigures): Evidence {
  const { metric, max, max_ratio: ratio } = guardrail;
  const pair = figures.windows.at(-1);
  if (!pair) return { metric, verdict: 'no_data', ...unmeasured, detail: 'no gateway answered for 5 s' };
  const { candidate, control } = pair;
  const [mine, theirs] = [candidate.bounds[metric], control.bounds[metric]];
  const key = metric === 'p95_ms' ? 'p95Ms' : 'p99Ms';
  const [value, controls] = [candidate[key], figures.isAlone ? null : control[key]];
  const limit = max ?? (controls === null ? null : ratio * controls);
  const measured = { metric, value, control: controls, limit, samples: candidate.requests };
  const fewest = figures.isAlone ? candidate.requests : Math.min(candidate.requests, control.requests);
  if (fewest < MIN_LATENCIES || !mine) {
    return {
      ...measured,
      verdict: 'no_data',
      detail: `${fewest} of ${MIN_LATENCIES} requests in each group`,
    };
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
