import type { Evidence, Guardrail, Rollout } from '@headgate/contracts/rollout';
import type { LiveFigures, Served, WindowFigures } from '../figures/live-figures.ts';
import type { Tally } from '../figures/tally.ts';
import { addBlock, type ExcessTest, NEW_EXCESS_TEST, type RateBlock } from '../statistics/rare-rates.ts';
import { type FastFigures, judgeErrors, judgeLatency, type Pair } from './judge-fast.ts';
import { judgeDrop, judgeSrm, type SlowReport, withSignificance } from './judge-slow.ts';
import { isAlone, stepOf } from './transitions.ts';

/** In ms. The first one sees a version that begins to fail at once; the last one, latency that grows during a long step. */
const SHORT_MS = [10_000, 60_000];
const LONG_MS = [15 * 60_000];

/** All that was counted for the groups of a rollout. */
type Counts = Readonly<Record<'candidate' | 'control', Tally>>;

/** When this process first saw the step of a rollout, and what was counted by then. */
interface Seen {
  readonly step: string;
  readonly atMs: number;
  readonly counts: Counts;
}

/** The test of a rollout, and what was counted when it got its last block. */
interface Excess {
  readonly rollout: string;
  readonly test: ExcessTest;
  readonly counts: Counts;
}

export interface Measured {
  readonly evidence: readonly Evidence[];
  readonly samples: number;
  readonly candidateUnready: string | null;
  readonly controlUnready: string | null;
}

/** Measures rollouts. Figures from before a step, and from before this process, count for nothing. */
export class Measure {
  readonly #figures: LiveFigures;
  readonly #nowMs: () => number;
  /** By model, which is in one rollout at a time. */
  readonly #seen = new Map<string, Seen>();
  readonly #excess = new Map<string, Excess>();

  constructor(figures: LiveFigures, nowMs: () => number) {
    this.#figures = figures;
    this.#nowMs = nowMs;
  }

  of(rollout: Rollout, slow: () => SlowReport): Measured {
    const seen = this.#seenOf(rollout);
    const { candidate } = this.#countsOf(rollout);
    return {
      evidence: rollout.state.kind === 'preparing' ? [] : this.#judge(rollout, seen, slow),
      samples: candidate.requests - seen.counts.candidate.requests,
      candidateUnready: this.unready(rollout.model, rollout.candidate.version),
      controlUnready: this.#knownUnready(rollout.model, rollout.control.version),
    };
  }

  /** A step begins now. */
  begin(rollout: Rollout): void {
    this.#seenOf(rollout);
  }

  /** In words why a version is not ready on every gateway; null when it is. */
  unready(model: string, version: string): string | null {
    const gateways = this.#figures.readyOn(model, version);
    const missing = gateways.filter(({ ready }) => !ready);
    if (gateways.length > 0 && missing.length === 0) return null;
    if (gateways.length === 0) return 'control knows no gateway';
    const where = missing.map(({ address }) => address).join(', ');
    return `version ${version} is not ready on gateway${missing.length === 1 ? '' : 's'} ${where}`;
  }

  /** As `unready`, of gateways that answer: a silent one must not hold up a rollback. */
  #knownUnready(model: string, version: string): string | null {
    const silent = this.#figures.gateways().filter(({ ready }) => !ready);
    const isMissing = this.#figures
      .readyOn(model, version)
      .some(({ address, ready }) => !ready && !silent.some((of) => of.address === address));
    return isMissing ? this.unready(model, version) : null;
  }

  #seenOf(rollout: Rollout): Seen {
    const step = `${rollout.id} ${rollout.state.kind === 'preparing' ? 'preparing' : stepOf(rollout)}`;
    const before = this.#seen.get(rollout.model);
    if (before?.step === step) return before;
    const seen = { step, atMs: this.#nowMs(), counts: this.#countsOf(rollout) };
    this.#seen.set(rollout.model, seen);
    return seen;
  }

  #countsOf(rollout: Rollout): Counts {
    return {
      candidate: this.#figures.counts(served(rollout, 'candidate')),
      control: this.#figures.counts(served(rollout, 'control')),
    };
  }

  #judge(rollout: Rollout, seen: Seen, slow: () => SlowReport): Evidence[] {
    const alone = isAlone(rollout);
    const fast = this.#fast(rollout, seen);
    // In the last step there is nobody left to compare with.
    const guardrails = rollout.policy.guardrails.filter((of) => !alone || isFast(of));
    const report = !alone && guardrails.length > 0 ? slow() : undefined;
    return guardrails.map((guardrail) => {
      const evidence = judge(guardrail, fast, report, rollout.candidate.variant);
      return report ? withSignificance(evidence, guardrail, report, rollout.candidate.variant) : evidence;
    });
  }

  #fast(rollout: Rollout, { atMs, counts }: Seen): FastFigures {
    const figures = this.#figures;
    const stepMs = this.#nowMs() - atMs;
    const pair = (of: (group: keyof Counts) => WindowFigures | undefined): Pair[] => {
      const [candidate, control] = [of('candidate'), of('control')];
      return candidate && control ? [{ candidate, control }] : [];
    };
    const last = (ms: number) =>
      ms < stepMs ? pair((group) => figures.window(served(rollout, group), ms)) : [];
    const step = pair((group) => figures.since(served(rollout, group), counts[group]));
    return {
      short: SHORT_MS.flatMap(last),
      long: [...LONG_MS.flatMap(last), ...step],
      isComplete: figures.isFresh(),
      isAlone: isAlone(rollout),
      excess: this.#excessOf(rollout),
    };
  }

  /** One block a second, or more where one of the groups had no request. */
  #excessOf(rollout: Rollout): ExcessTest {
    const counts = this.#countsOf(rollout);
    const known = this.#excess.get(rollout.model);
    const before = known?.rollout === rollout.id ? known : { test: NEW_EXCESS_TEST, counts };
    const block = {
      candidate: since(before.counts.candidate, counts.candidate),
      control: since(before.counts.control, counts.control),
    };
    const isWhole = block.candidate.requests > 0 && block.control.requests > 0;
    const margin = marginOf(rollout);
    const test = isWhole && margin !== undefined ? addBlock(before.test, block, margin) : before.test;
    const next = { rollout: rollout.id, test, counts: isWhole ? counts : before.counts };
    this.#excess.set(rollout.model, next);
    return test;
  }
}

const since = (before: Tally, now: Tally): RateBlock['control'] => ({
  failures: now.errors - before.errors,
  requests: now.requests - before.requests,
});

function marginOf({ policy }: Rollout): number | undefined {
  const guardrail = policy.guardrails.find(({ metric }) => metric === 'error_rate');
  return guardrail?.metric === 'error_rate' ? guardrail.max_increase : undefined;
}

const isFast = ({ metric }: Guardrail) => metric === 'error_rate' || metric.endsWith('_ms');

function served(rollout: Rollout, group: keyof Counts): Served {
  return { model: rollout.model, ...rollout[group] };
}

const NOT_ASKED: SlowReport = { kind: 'no_data', why: 'no control group' };

function judge(
  guardrail: Guardrail,
  fast: FastFigures,
  slow: SlowReport = NOT_ASKED,
  variant: string,
): Evidence {
  switch (guardrail.metric) {
    case 'error_rate':
      return judgeErrors(guardrail, fast);
    case 'p95_ms':
    case 'p99_ms':
      return judgeLatency(guardrail, fast);
    case 'srm':
      return judgeSrm(guardrail, slow);
    case 'accuracy':
    case 'reward':
      return judgeDrop(guardrail, slow, variant);
  }
}
