import { printable, printableIn } from '@headgate/runtime/printable';
import type { Command } from 'commander';
import { globalsOf, type Surroundings } from './surroundings.ts';

/**
 * Prints a result: as JSON when that was asked for, else as `inWords` says it. Either way nothing in it is obeyed by a
 * terminal; JSON means the same after it.
 */
export function print<T>(command: Command, { out }: Surroundings, result: T, inWords: (result: T) => string) {
  const text = globalsOf(command).json
    ? printable(JSON.stringify(result, null, 2))
    : inWords(printableIn(result));
  out(`${text}\n`);
}

/** Rows under their headings, each column as wide as its widest cell. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] as number))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
