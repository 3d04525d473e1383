/** One step of the circle, as the timeline prints it. */
export interface Entry {
  readonly step: string;
  readonly atMs: number;
  readonly tookMs: number;
  readonly result: string;
}

/** Runs steps one after the other, says what begins, and keeps how long each took. */
export class Timeline {
  readonly entries: Entry[] = [];
  readonly #say: (line: string) => void;
  readonly #startedMs = performance.now();

  readonly #signal: AbortSignal;

  /** @param signal no step begins once it is aborted */
  constructor(say: (line: string) => void, signal: AbortSignal) {
    this.#say = say;
    this.#signal = signal;
  }

  /** @param work returns its result in words */
  async step(name: string, work: () => Promise<string>): Promise<void> {
    this.#signal.throwIfAborted();
    const startedMs = performance.now();
    this.#say(`\n▸ ${name}`);
    const result = await work();
    const tookMs = performance.now() - startedMs;
    this.entries.push({ step: name, atMs: startedMs - this.#startedMs, tookMs, result });
    this.#say(`  ${seconds(tookMs)}  ${result}`);
  }

  /** The whole as a table. */
  table(): string {
    const rows = this.entries.map(({ step, atMs, tookMs, result }) => [
      seconds(atMs),
      seconds(tookMs),
      step,
      result,
    ]);
    const all = [['at', 'took', 'step', 'result'], ...rows];
    const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
    return all
      .map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
      .join('\n');
  }
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
