import { rateOf } from '../jobs.ts';
import { countsText } from '../markdown.ts';
import type { Contender, Layout } from './contender.ts';
import { FULL, loadDoor, withTrial } from './measure.ts';
import { type Expectation, startTrial } from './trial.ts';

/** What a layout gave in the short run that chooses. */
export interface LayoutTrial {
  readonly layout: Layout;
  /** Images per second at full concurrency; undefined: it did not work. */
  readonly imagesPerS: number | undefined;
  readonly note: string;
}

/** A contender with the layout that was best for it, or without one that works. */
export interface Choice {
  readonly contender: Contender;
  readonly trials: readonly LayoutTrial[];
  readonly best: Layout | undefined;
}

export interface SelectOptions {
  readonly expected: Expectation;
  readonly durationMs: number;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

/** Tries every layout of a contender for a few seconds. */
export async function chooseLayout(contender: Contender, options: SelectOptions): Promise<Choice> {
  const trials: LayoutTrial[] = [];
  for (const layout of contender.layouts) {
    options.signal.throwIfAborted();
    const trial = await tryLayout(contender, layout, options);
    const rate = trial.imagesPerS === undefined ? 'no' : `${trial.imagesPerS.toFixed(1)} images/s`;
    options.progress(
      `layout  ${contender.id}, ${layout.name}: ${rate}${trial.note ? ` (${trial.note})` : ''}`,
    );
    trials.push(trial);
  }
  return { contender, trials, best: bestOf(trials) };
}

async function tryLayout(contender: Contender, layout: Layout, options: SelectOptions): Promise<LayoutTrial> {
  let note = '';
  for (let attempt = 1; attempt <= contender.tries; attempt += 1) {
    try {
      const trial = await startTrial(contender, layout, options.expected);
      const [door] = trial.server.doors;
      if (!door) throw new Error('it has no door');
      const load = { concurrency: FULL, durationMs: options.durationMs };
      const { measured } = await withTrial(trial, (client) => loadDoor(door, client, load));
      const failed = countsText(measured.failures);
      return { layout, imagesPerS: rateOf(measured), note: failed === '0' ? '' : `failed: ${failed}` };
    } catch (error) {
      options.signal.throwIfAborted();
      note = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    }
  }
  return { layout, imagesPerS: undefined, note };
}

/** The layout with most images per second; undefined when none worked. */
export function bestOf(trials: readonly LayoutTrial[]): Layout | undefined {
  const working = trials.filter(({ imagesPerS }) => imagesPerS !== undefined && imagesPerS > 0);
  const rate = (trial: LayoutTrial) => trial.imagesPerS ?? 0;
  return working.sort((a, b) => rate(b) - rate(a))[0]?.layout;
}
