import { blockMeans, linearSlope, type Point, type Slope } from '../regression.ts';
import { table } from '../tables.ts';
import { filePoints, memoryPoints, type Sample } from './sample.ts';

/** Caches fill and pools grow at first: this share of the time says nothing about leaks. */
const WARM_SHARE = 0.25;
/** The regression is over means of blocks, because samples that follow each other say nearly the same. */
const BLOCKS = 20;
/** A slope that adds less than this share of a process's memory in a day does not count. */
const TOLERATED_SHARE_PER_DAY = 0.05;
const MINUTES_PER_HOUR = 60;
const MINUTES_PER_DAY = 24 * MINUTES_PER_HOUR;

export interface Verdict {
  readonly name: string;
  readonly endMiB: number;
  /** MiB per minute. */
  readonly memory: Slope;
  /** The same of what is held after a collection, where that was measured: garbage does not count. */
  readonly held: Slope | undefined;
  /** Open files per minute. */
  readonly files: Slope;
  /** Median of open files in the first and in the last quarter of what counts. */
  readonly filesFromTo: readonly [number, number];
  /** A slope that is surely above zero and large enough to matter, or files that surely grew. */
  readonly leaks: boolean;
}

export interface SoakTerms {
  /** MiB after collections, over minutes; absent: resident memory decides. */
  readonly held?: readonly Point[];
  /** So many open files more are no leak: each request in progress may have opened a connection that is kept. */
  readonly spareFiles: number;
}

/** @throws RangeError when there are too few samples for a slope */
export function judge(
  name: string,
  samples: readonly Sample[],
  { held = [], spareFiles }: SoakTerms,
): Verdict {
  const counted = samples.slice(Math.floor(samples.length * WARM_SHARE));
  const memory = slopeOf(memoryPoints(counted));
  const heldSlope = held.length > 0 ? slopeOf(held.slice(Math.floor(held.length * WARM_SHARE))) : undefined;
  const decisive = heldSlope ?? memory;
  const files = slopeOf(filePoints(counted));
  const quarter = Math.max(1, Math.floor(counted.length / 4));
  const filesFromTo = [middle(counted.slice(0, quarter)), middle(counted.slice(-quarter))] as const;
  const endMiB = counted.at(-1)?.residentMiB ?? Number.NaN;
  const grows = (decisive.slope - decisive.halfWidth) * MINUTES_PER_DAY > TOLERATED_SHARE_PER_DAY * endMiB;
  const opens = files.slope - files.halfWidth > 0 && filesFromTo[1] > filesFromTo[0] + spareFiles;
  return { name, endMiB, memory, held: heldSlope, files, filesFromTo, leaks: grows || opens };
}

function slopeOf(points: readonly Point[]): Slope {
  return linearSlope(blockMeans(points, BLOCKS));
}

function middle(samples: readonly Sample[]): number {
  const sorted = samples.map(({ openFiles }) => openFiles).toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export function reportSoak(verdicts: readonly Verdict[]): string {
  const perHour = ({ slope, halfWidth }: Slope) =>
    `${(slope * MINUTES_PER_HOUR).toFixed(2)} ± ${(halfWidth * MINUTES_PER_HOUR).toFixed(2)}`;
  const rows = verdicts.map(({ name, endMiB, memory, held, files, filesFromTo: [from, to], leaks }) => [
    name,
    endMiB.toFixed(1),
    perHour(memory),
    held === undefined ? '–' : perHour(held),
    perHour(files),
    `${from} → ${to}`,
    leaks ? '**grows**' : 'steady',
  ]);
  const heads = [
    'process',
    'MiB at the end',
    'MiB per hour, 95 %',
    'held MiB per hour, 95 %',
    'open files per hour, 95 %',
    'open files',
    'verdict',
  ];
  return table(heads, rows);
}
