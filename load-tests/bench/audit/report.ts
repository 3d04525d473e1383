import { table, targetsTable } from '../markdown.ts';
import { meanInterval } from '../regression.ts';

/** What is measured: calls that wait for nothing, and changes by so many callers at once. */
export type Series = 'calls' | 'alone' | 'together' | 'crowd';

export interface Sample {
  readonly perS: number;
  /** CPU time of the process for each record, in ms. */
  readonly cpuMs: number;
}

/** Records a second that one process must keep. */
export const TARGET_PER_S = 5000;

const NAMES: Readonly<Record<Series, string>> = {
  calls: 'calls, an fsync for every 5,000',
  alone: 'changes, one after the other, an fsync for each',
  together: 'changes, 64 callers at once share an fsync',
  crowd: 'changes, 1,024 callers at once share an fsync',
};

/** True when even the lower end of the interval of calls reaches the target. */
export function meetsTarget({ calls }: Pick<Record<Series, readonly Sample[]>, 'calls'>): boolean {
  const { mean, halfWidth } = meanInterval(calls.map(({ perS }) => perS));
  return mean - halfWidth >= TARGET_PER_S;
}

/** @param verifiedPerS records that `headgate audit verify` reads in a second */
export function reportAudit(
  samples: Readonly<Record<Series, readonly Sample[]>>,
  verifiedPerS: number,
): string {
  const cells = (values: readonly number[], digits: number) => {
    const { mean, halfWidth } = meanInterval(values);
    return [mean.toFixed(digits), `± ${halfWidth.toFixed(digits)}`];
  };
  const rows = (Object.keys(NAMES) as Series[]).map((series) => [
    NAMES[series],
    ...cells(
      samples[series].map(({ perS }) => perS),
      0,
    ),
    ...cells(
      samples[series].map(({ cpuMs }) => cpuMs),
      4,
    ),
  ]);
  const [perS = ''] = cells(
    samples.calls.map((one) => one.perS),
    0,
  );
  const target = [
    'audit records',
    `>= ${TARGET_PER_S} per s`,
    `${perS} per s`,
    meetsTarget(samples) ? 'yes' : 'no',
  ] as const;
  return [
    table(['records', 'per s', '95 %', 'CPU-ms per record', '95 %'], rows),
    `\`headgate audit verify\` reads ${verifiedPerS.toFixed(0)} records per s.`,
    targetsTable([target]),
  ].join('\n\n');
}
