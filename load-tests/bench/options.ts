import { parseArgs } from 'node:util';

/** Options that every benchmark with rounds takes. */
export interface BenchOptions {
  /** Markdown file to write; undefined: print only. */
  readonly out: string | undefined;
  /** Interleaved rounds; their median counts. */
  readonly rounds: number;
  /** Measured time of each load in each round, in ms. */
  readonly stageMs: number;
  /** What is measured, in the order of the command line. */
  readonly only: readonly string[];
}

export interface OptionRules {
  /** npm script, for the message. */
  readonly script: string;
  /** Values of --only. */
  readonly names: readonly string[];
  /** Values of --only when it is absent; all by default. */
  readonly usual?: readonly string[];
  readonly rounds: number;
  readonly seconds: number;
}

/** @throws TypeError with the usage when an option is unknown or has no such value */
export function parseBenchOptions(args: readonly string[], rules: OptionRules): BenchOptions {
  const { script, names, usual = names, rounds, seconds } = rules;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        out: { type: 'string' },
        rounds: { type: 'string', default: String(rounds) },
        seconds: { type: 'string', default: String(seconds) },
        only: { type: 'string', default: usual.join(',') },
      },
    });
    const only = values.only.split(',');
    if (!only.every((name) => names.includes(name))) throw new TypeError('--only: unknown name');
    return {
      out: values.out,
      rounds: positive('--rounds', values.rounds),
      stageMs: positive('--seconds', values.seconds) * 1000,
      only,
    };
  } catch (cause) {
    const usage = `npm run ${script} -- [--out FILE] [--rounds ${rounds}] [--seconds ${seconds}] [--only ${names.join(',')}]`;
    throw new TypeError(`${cause instanceof Error ? cause.message : cause}\n${usage}`, { cause });
  }
}

/** @throws TypeError */
export function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new TypeError(`${name}: expected a positive number`);
  return value;
}
