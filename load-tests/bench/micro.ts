/** Something small whose cost is measured: many times in a block, and many blocks. */
export interface Case {
  readonly name: string;
  /** Does it `times` times. */
  readonly run: (times: number) => void | Promise<void>;
}

/** CPU time of one repetition, user and system, all threads of the process, in µs. */
export interface Cost {
  readonly name: string;
  readonly meanUs: number;
  /** Half of the 95 % interval of the mean. */
  readonly halfWidthUs: number;
}

const BLOCKS = 30;
/** Two-sided 95 % quantile of Student's t with 29 degrees of freedom: that of 30 blocks. */
const T_29 = 2.045;
/** Blocks before those that count, so that the compiler has done its work. */
const WARM_UP_BLOCKS = 3;

/** Measures the cases in turns (A B A B …), so that whatever disturbs the machine disturbs all of them. */
export async function measureCases(cases: readonly Case[], timesPerBlock: number): Promise<Cost[]> {
  const samples = new Map<string, number[]>(cases.map(({ name }) => [name, []]));
  for (let block = -WARM_UP_BLOCKS; block < BLOCKS; block += 1) {
    for (const { name, run } of cases) {
      const before = process.cpuUsage();
      await run(timesPerBlock);
      const { user, system } = process.cpuUsage(before);
      if (block >= 0) samples.get(name)?.push((user + system) / timesPerBlock);
    }
  }
  return [...samples].map(([name, values]) => ({ name, ...meanOf(values) }));
}

/** Mean of 30 block means with its 95 % interval. */
export function meanOf(values: readonly number[]): Omit<Cost, 'name'> {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const deviation = Math.sqrt(squares / (values.length - 1));
  return { meanUs: mean, halfWidthUs: (T_29 * deviation) / Math.sqrt(values.length) };
}

export function costRow({ name, meanUs, halfWidthUs }: Cost): string[] {
  return [name, meanUs.toFixed(2), `± ${halfWidthUs.toFixed(2)}`];
}
