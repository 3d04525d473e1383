import { rateOf } from '../jobs.ts';
import { type LoopVariant, runLoop } from '../l1.ts';
import type { Layout } from './contender.ts';
import { CONCURRENCIES, loadDoor, type Run, withTrial } from './measure.ts';
import type { Choice } from './select.ts';
import { type Expectation, startTrial } from './trial.ts';

/** All runs of one door at one concurrency: one for each round; a round in which it failed has none. */
export interface Series {
  /** Undefined: the bare loop. */
  readonly contender: string | undefined;
  readonly name: string;
  readonly layout: string;
  readonly concurrency: number;
  readonly runs: readonly (Run | undefined)[];
}

export interface Rounds {
  readonly series: readonly Series[];
  /** Name of the door → time to its first right answer in each round, in ms. */
  readonly startMs: ReadonlyMap<string, readonly number[]>;
  /** What went wrong in a round. */
  readonly problems: readonly string[];
}

export interface RoundsOptions {
  readonly rounds: number;
  readonly stageMs: number;
  readonly loop: LoopVariant | undefined;
  readonly expected: Expectation;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

/** Series, start times and problems as they come in, round by round. */
class Ledger {
  readonly startMs = new Map<string, number[]>();
  readonly problems: string[] = [];
  readonly #series = new Map<string, Series & { runs: (Run | undefined)[] }>();

  add(round: number, key: Omit<Series, 'runs'>, run: Run): void {
    const id = `${key.name} ${key.concurrency}`;
    const series = this.#series.get(id) ?? { ...key, runs: [] };
    series.runs[round] = run;
    this.#series.set(id, series);
  }

  started(door: string, ms: number): void {
    this.startMs.set(door, [...(this.startMs.get(door) ?? []), ms]);
  }

  get series(): Series[] {
    return [...this.#series.values()];
  }
}

/** A, B, C …, then A, B, C … again: each server alone, fresh, at every concurrency, in every round. */
export async function runRounds(choices: readonly Choice[], options: RoundsOptions): Promise<Rounds> {
  const ledger = new Ledger();
  for (let round = 0; round < options.rounds; round += 1) {
    const say = (line: string) => options.progress(`round ${round + 1}/${options.rounds}  ${line}`);
    if (options.loop) await runBare(round, options.loop, { ...options, progress: say }, ledger);
    for (const { contender, best } of choices) {
      options.signal.throwIfAborted();
      if (!best) continue;
      try {
        await runContender(round, { contender, layout: best }, { ...options, progress: say }, ledger);
      } catch (error) {
        options.signal.throwIfAborted();
        const problem = `${contender.id}, round ${round + 1}: ${error instanceof Error ? error.message : error}`;
        ledger.problems.push(problem);
        options.progress(problem);
      }
    }
  }
  return ledger;
}

async function runBare(
  round: number,
  loop: LoopVariant,
  { stageMs, progress }: RoundsOptions,
  ledger: Ledger,
): Promise<void> {
  const measured = await runLoop(loop, stageMs);
  const key = { contender: undefined, name: 'L1 bare loop', layout: loop.name, concurrency: loop.processes };
  ledger.add(round, key, { measured, usage: { cpuMs: measured.cpuMs, cpuMsOfPart: {}, peakBytes: 0 } });
  progress(`L1 bare loop: ${rateOf(measured).toFixed(1)} images/s`);
}

async function runContender(
  round: number,
  { contender, layout }: { contender: Choice['contender']; layout: Layout },
  { expected, stageMs, signal, progress }: RoundsOptions,
  ledger: Ledger,
): Promise<void> {
  const trial = await startTrial(contender, layout, expected);
  await withTrial(trial, async (client) => {
    for (const [index, door] of trial.server.doors.entries()) {
      ledger.started(door.name, trial.startMs[index] as number);
      for (const concurrency of CONCURRENCIES) {
        signal.throwIfAborted();
        const run = await loadDoor(door, client, { concurrency, durationMs: stageMs });
        const key = { contender: contender.id, name: door.name, layout: layout.name, concurrency };
        ledger.add(round, key, run);
        progress(`${door.name}, c=${concurrency}: ${rateOf(run.measured).toFixed(1)} images/s`);
      }
    }
  });
}
