import type { Machine } from './machine.ts';

/** A table of Markdown. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
}

/** A target of the table `target, wanted, measured, met`. */
export type TargetRow = readonly [name: string, wanted: string, measured: string, met: string];

export function targetsTable(rows: readonly TargetRow[]): string {
  return table(['target', 'wanted', 'measured', 'met'], rows);
}

export interface Bar {
  /** Already padded to the width of its column. */
  readonly label: string;
  readonly value: number;
}

const BAR_WIDTH = 50;

/** A bar chart in text; the longest bar has 50 characters. */
export function bars(title: string, all: readonly Bar[]): string {
  const most = Math.max(...all.map(({ value }) => value));
  const lines = all.map(
    ({ label, value }) =>
      `${label} ${'█'.repeat(Math.round((value / most) * BAR_WIDTH))} ${value.toFixed(1)}`,
  );
  return ['```', title, ...lines, '```'].join('\n');
}

/** Where, when and with what was measured. */
export function machineLines(machine: Machine): string {
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  return [
    `Measured on ${machine.date} at commit ${machine.commit}: ${machine.cpu}, ${machine.memoryGib} GiB, Linux ${machine.kernel}; load average before it ${machine.loadBefore.toFixed(2)}.`,
    `${versions.join(', ')}.`,
  ].join('\n');
}

/** `3 × 503 overloaded, 1 × 504`, or `0`. */
export function countsText(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([what, count]) => `${count} × ${what}`);
  return parts.join(', ') || '0';
}
