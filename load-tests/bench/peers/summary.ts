import { median, percentile } from '@headgate/testkit/stats';
import { addUp, rateOf } from '../jobs.ts';
import type { Run } from './measure.ts';
import { GUARDED } from './prepare.ts';
import type { Rounds, Series } from './rounds.ts';

/** One line of the result: a door at one concurrency, over all rounds. */
export interface PeerRow {
  readonly contender: string | undefined;
  readonly name: string;
  readonly layout: string;
  readonly concurrency: number;
  /** Median of the rounds, as are the ratio and the CPU times. */
  readonly imagesPerS: number;
  /** To the best peer of the same round at the same concurrency; undefined without peers. */
  readonly ratioToBestPeer: number | undefined;
  /** Over all rounds, in ms. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  /** CPU-ms per image of all processes of the server, and of the client. */
  readonly serverCpuMs: number;
  readonly clientCpuMs: number;
  readonly peakBytes: number;
  /** From the spawn to the first right answer, median, in ms; undefined for the bare loop. */
  readonly startMs: number | undefined;
  readonly failures: Readonly<Record<string, number>>;
}

/** Neither the bare loop nor Headgate, and a bare server as its documentation has it. */
const NO_PEERS: readonly (string | undefined)[] = [undefined, 'headgate', GUARDED.id];

export function isPeer({ contender }: Pick<Series, 'contender'>): boolean {
  return !NO_PEERS.includes(contender);
}

export function summarise({ series, startMs }: Rounds): PeerRow[] {
  return series.map((one) => {
    const runs = one.runs.filter((run) => run !== undefined);
    const latencies = runs.flatMap(({ measured }) => measured.latencies);
    const perImage = (cpuMs: (run: Run) => number) =>
      median(runs.map((run) => cpuMs(run) / run.measured.answered));
    const starts = startMs.get(one.name);
    const { contender, name, layout, concurrency } = one;
    return {
      contender,
      name,
      layout,
      concurrency,
      imagesPerS: median(runs.map(({ measured }) => rateOf(measured))),
      ratioToBestPeer: contender === undefined ? undefined : medianRatio(one, series),
      p50: percentile(latencies, 50),
      p95: percentile(latencies, 95),
      p99: percentile(latencies, 99),
      serverCpuMs: perImage(({ usage }) => usage.cpuMs),
      clientCpuMs: contender === undefined ? 0 : perImage(({ measured }) => measured.cpuMs),
      peakBytes: Math.max(...runs.map(({ usage }) => usage.peakBytes)),
      startMs: starts && median(starts),
      failures: addUp(runs.map(({ measured }) => measured.failures)),
    };
  });
}

/** Median over the rounds of the ratio to the best peer of the same round. */
function medianRatio(one: Series, all: readonly Series[]): number | undefined {
  const peers = all.filter((other) => isPeer(other) && other.concurrency === one.concurrency);
  const ratios = one.runs.flatMap((run, round) => {
    const best = Math.max(0, ...peers.map(({ runs }) => rate(runs[round])));
    return run && best > 0 ? [rate(run) / best] : [];
  });
  return ratios.length > 0 ? median(ratios) : undefined;
}

/** Median over the rounds of the ratio of one series to another, round by round; undefined if they never met. */
export function ratioOf(one: Series | undefined, other: Series | undefined): number | undefined {
  const ratios = (one?.runs ?? []).flatMap((run, round) => {
    const base = rate(other?.runs[round]);
    return run && base > 0 ? [rate(run) / base] : [];
  });
  return ratios.length > 0 ? median(ratios) : undefined;
}

function rate(run: Run | undefined): number {
  return run ? rateOf(run.measured) : 0;
}
