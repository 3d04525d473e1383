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

export const memoryPoints = (samples: readonly Sample[]): Point[] =>
  samples.map(({ atMinutes, residentMiB }) => ({ x: atMinutes, y: residentMiB }));

export const filePoints = (samples: readonly Sample[]): Point[] =>
  samples.map(({ atMinutes, openFiles }) => ({ x: atMinutes, y: openFiles }));
