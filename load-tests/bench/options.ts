import { parseArgs } from 'node:util';

export interface BenchOptions {
  /** Markdown file to write; undefined: print only. */
  readonly out: string | undefined;
  /** Interleaved rounds; their median counts. */
  readonly rounds: number;
  /** Measured time of each load in each round, in ms. */
  readonly stageMs: number;
  readonly parts: readonly BenchPart[];
}

export const BENCH_PARTS = ['digits', 'photos', 'idle', 'gateway', 'overload'] as const;
export type BenchPart = (typeof BENCH_PARTS)[number];

export const USAGE = `npm run bench -- [--out FILE] [--rounds 3] [--seconds 3] [--only ${BENCH_PARTS.join(',')}]`;

/** @throws TypeError when an option is unknown or not a number */
export function parseBenchOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      out: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '3' },
      only: { type: 'string', default: BENCH_PARTS.join(',') },
    },
  });
  return {
    out: values.out,
    rounds: positive('--rounds', values.rounds),
    stageMs: positive('--seconds', values.seconds) * 1000,
    parts: values.only.split(',').map((name) => {
      const part = BENCH_PARTS.find((one) => one === name);
      if (!part) throw new TypeError(`--only: expected some of ${BENCH_PARTS.join(', ')}`);
      return part;
    }),
  };
}

/** @throws TypeError */
export function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new TypeError(`${name}: expected a positive number`);
  return value;
}
