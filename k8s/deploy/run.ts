import type { Ui } from '../../scripts/setup/ui.mjs';
import type { Options } from './options.ts';
import type { Programs } from './programs.ts';

/** What each command gets. */
export interface Run {
  readonly root: string;
  readonly options: Options;
  readonly programs: Programs;
  readonly signal: AbortSignal;
  readonly ui: Ui;
}
