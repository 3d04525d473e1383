import { readdirSync, readFileSync } from 'node:fs';
import type { Point } from '../regression.ts';

/** What one process holds at one moment. */
export interface Sample {
  /** Since the begin of the soak, in minutes. */
  readonly atMinutes: number;
  readonly residentMiB: number;
  readonly openFiles: number;
}

/** @returns undefined when the process is gone */
export function sampleOf(pid: number, atMinutes: number): Sample | undefined {
  try {
    return {
      atMinutes,
      residentMiB: residentKib(readFileSync(`/proc/${pid}/status`, 'utf8')) / 1024,
      openFiles: readdirSync(`/proc/${pid}/fd`).length,
    };
  } catch {
    return undefined;
  }
}

/** `VmRSS:` of a status file, in KiB. */
export function residentKib(status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN);
}

/**
 * What `collect.cjs` wrote about one process: MiB that are held after a collection, over minutes since `startedAtMs` (ms
 * since the Unix epoch).
 */
export function heldPoints(text: string, pid: number, startedAtMs: number): Point[] {
  return text
    .split('\n')
    .map((line) => line.split(' ').map(Number))
    .filter(([of]) => of === pid)
    .map(([, atMs = 0, bytes = 0]) => ({ x: (atMs - startedAtMs) / 60_000, y: bytes / 2 ** 20 }));
}

export const memoryPoints = (samples: readonly Sample[]): Point[] =>
  samples.map(({ atMinutes, residentMiB }) => ({ x: atMinutes, y: residentMiB }));

export const filePoints = (samples: readonly Sample[]): Point[] =>
  samples.map(({ atMinutes, openFiles }) => ({ x: atMinutes, y: openFiles }));
