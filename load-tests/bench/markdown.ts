import type { Machine } from './machine.ts';

/** A table of Markdown. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
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
