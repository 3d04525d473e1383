import { table, targetsTable } from '../markdown.ts';
import { meanInterval } from '../regression.ts';
import type { Kind } from './server.ts';

/** CPU-ms of the server for each request, in one round of each kind. */
export type Round = Readonly<Record<Kind, number>>;

/** Most CPU that the whole onion may cost over a bare echo, in ms a request. */
export const TARGET_MS = 0.35;

const NAMES: Readonly<Record<Kind, string>> = {
  onion: 'the gateway, every layer on',
  echo: 'bare Hono, answers the body',
  read: 'bare Hono, reads the body, answers a word',
};

/** What the layers cost over a baseline: differences within a round, so that what slows the machine cancels out. */
export function addedMs(rounds: readonly Round[], baseline: Exclude<Kind, 'onion'>): number[] {
  return rounds.map((round) => round.onion - round[baseline]);
}

/** True when even the upper end of the interval is within the target. */
export function meetsTarget(rounds: readonly Round[]): boolean {
  const { mean, halfWidth } = meanInterval(addedMs(rounds, 'echo'));
  return mean + halfWidth <= TARGET_MS;
}

export function reportEdge(rounds: readonly Round[]): string {
  const cells = (name: string, values: readonly number[]) => {
    const { mean, halfWidth } = meanInterval(values);
    return [name, mean.toFixed(3), `± ${halfWidth.toFixed(3)}`];
  };
  const kinds = Object.keys(NAMES) as Kind[];
  const rows = [
    ...kinds.map((kind) =>
      cells(
        NAMES[kind],
        rounds.map((round) => round[kind]),
      ),
    ),
    cells('**the layers, over the echo**', addedMs(rounds, 'echo')),
    cells('the layers, over reading alone', addedMs(rounds, 'read')),
  ];
  const { mean } = meanInterval(addedMs(rounds, 'echo'));
  const met = meetsTarget(rounds) ? 'yes' : 'no';
  const target = [
    'CPU of the onion over a bare echo',
    `<= ${TARGET_MS} ms`,
    `${mean.toFixed(3)} ms`,
    met,
  ] as const;
  return [table(['server', 'CPU-ms per request', '95 %'], rows), targetsTable([target])].join('\n\n');
}
