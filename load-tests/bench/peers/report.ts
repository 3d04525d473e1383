import { CONCURRENCIES, FULL, type Run, ratio, type Series } from '../series.ts';
import { type Figure, figuresTable, loadsTable } from '../tables.ts';
import { GRPC_DOOR, WHOLE_DOOR } from './headgate.ts';
import { GUARDED } from './prepare.ts';
import { PEERS } from './servers.ts';

/** What was measured so far, round by round. */
export class Ledger {
  /** Door → time to its first right answer in each round, in ms. */
  readonly starts = new Map<string, number[]>();
  readonly problems: string[] = [];
  readonly #runs = new Map<string, { id: string; runs: Run[] }>();
  readonly #failed = new Set<string>();

  add(id: string, load: string, run: Run): void {
    const entry = this.#runs.get(load) ?? { id, runs: [] };
    entry.runs.push(run);
    this.#runs.set(load, entry);
  }

  started(door: string, ms: number): void {
    this.starts.set(door, [...(this.starts.get(door) ?? []), ms]);
  }

  failed(id: string, error: unknown): void {
    this.#failed.add(id);
    this.problems.push(`${id}: ${error instanceof Error ? error.message.split('\n')[0] : error}`);
  }

  hasFailed(id: string): boolean {
    return this.#failed.has(id);
  }

  /** A series without a run for each round is no comparison: those of failed servers are left out. */
  get series(): Series[] {
    return [...this.#runs]
      .filter(([, { id }]) => !this.hasFailed(id))
      .map(([name, { runs }]) => ({ name, runs }));
  }
}

/** Paragraphs of Markdown. */
export function peersReport(ledger: Ledger): string[] {
  const { series, problems } = ledger;
  return [
    figuresTable(figuresOf(series)),
    loadsTable(series),
    ...(problems.length > 0 ? [`Problems:\n\n${problems.map((text) => `- ${text}`).join('\n')}`] : []),
  ];
}

function figuresOf(series: readonly Series[]): Figure[] {
  const find = (name: string) => series.find((one) => one.name === name);
  const [grpc, whole] = [GRPC_DOOR, WHOLE_DOOR].map((door) => find(`${door}, c=${FULL}`));
  const toBest = (one: Series | undefined) =>
    Math.min(...PEERS.map(({ name }) => ratio(one, find(`${name}, c=${FULL}`))).filter((value) => value > 0));
  const finite = (value: number) => (Number.isFinite(value) ? value : Number.NaN);
  const peer = { wanted: 1.5, floor: 1.15, better: 'higher' } as const;
  return [
    { name: `gRPC ÷ best peer, c=${FULL}`, value: finite(toBest(grpc)), ...peer },
    { name: `whole path ÷ best peer, c=${FULL}`, value: finite(toBest(whole)), ...peer },
    {
      name: `gRPC ÷ L1, c=${FULL}`,
      value: ratio(grpc, find('L1')),
      ...{ wanted: 0.92, floor: 0.87, better: 'higher' },
    },
    ...CONCURRENCIES.map((c): Figure => {
      const value = ratio(find(`${WHOLE_DOOR}, c=${c}`), find(`${GUARDED.name}, c=${c}`));
      const name = `whole path ÷ ${GUARDED.name}, c=${c}`;
      return { name, value, wanted: 1, floor: 0.9, better: 'higher' };
    }),
  ];
}
