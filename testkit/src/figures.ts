import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './root.ts';

/** A number that a test measured, beside what it has to be. */
export interface Figure {
  /** Says what was measured, with its unit; also names the file. */
  readonly name: string;
  /** Such as `<= 5.65 %`. */
  readonly wanted: string;
  readonly got: string;
  readonly passed: boolean;
}

export const FIGURES_DIR = join(ROOT, 'state/test/figures');

/** Keeps the figure for the table of `npm run test:control`. Call it before the assertion, so that a failure shows too. */
export function figure(figure: Figure): void {
  mkdirSync(FIGURES_DIR, { recursive: true });
  const file = figure.name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  writeFileSync(join(FIGURES_DIR, `${file}.json`), `${JSON.stringify(figure)}\n`);
}

/** All figures, by name; none when no test wrote one. */
export function readFigures(dir = FIGURES_DIR): Figure[] {
  let files: string[];
  try {
    files = readdirSync(dir).sort();
  } catch {
    return [];
  }
  return files.map((file): Figure => JSON.parse(readFileSync(join(dir, file), 'utf8')));
}
