import { countsText, table } from '../bench/tables.ts';
import type { Measured } from './measure.ts';

/** What was seen of a fault, and how many of its records the store does not have. */
export interface Row extends Omit<Measured, 'ids'> {
  readonly lost: number;
}

/** What is wrong about a row, in words; none when all is as the fault allows. */
export function surprises({ fault, failures, lost, dropped }: Row): string[] {
  const unexpected = Object.keys(failures).filter((outcome) => !fault.mayFail.includes(outcome));
  const uncounted = fault.mayLose ? Math.max(0, lost - dropped) : lost;
  return [
    ...unexpected.map((outcome) => `${fault.name}: ${failures[outcome]} × ${outcome}`),
    ...(uncounted > 0 ? [`${fault.name}: ${uncounted} records are lost`] : []),
  ];
}

/** The faults table, in Markdown. */
export function faultsTable(rows: readonly Row[]): string {
  return table(
    ['fault', 'lasts', 'requests', 'failed', 'lost records', 'recovered after'],
    rows.map((row) => [
      row.fault.title,
      row.fault.holdMs === 0 ? 'once' : seconds(row.lastedMs),
      String(row.requests),
      countsText(row.failures),
      row.dropped > 0 ? `${row.lost} (${row.dropped} counted)` : String(row.lost),
      seconds(row.recoveredMs),
    ]),
  );
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
