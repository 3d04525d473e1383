import { expect, it } from 'vitest';
import { judge, reportSoak } from './report.ts';
import { heldPoints, residentKib, type Sample } from './sample.ts';

const TERMS = { spareFiles: 4 };

/** Two hours, a sample a minute, with a ripple that is no trend. */
function samples(of: { memory: (minute: number) => number; files?: (minute: number) => number }): Sample[] {
  return Array.from({ length: 120 }, (_, minute) => ({
    atMinutes: minute,
    residentMiB: of.memory(minute) + (minute % 2),
    openFiles: of.files?.(minute) ?? 40 + (minute % 3),
  }));
}

it('finds a leak of memory', () => {
  expect(judge('leaks', samples({ memory: (minute) => 100 + 0.1 * minute }), TERMS)).toMatchObject({
    leaks: true,
  });
});

it('takes growth that ends after the start for what it is', () => {
  const filling = samples({ memory: (minute) => 100 + 5 * Math.min(minute, 20) });
  expect(judge('fills its caches', filling, TERMS)).toMatchObject({ leaks: false });
});

it('does not mind a slope that would take months to matter', () => {
  expect(judge('creeps', samples({ memory: (minute) => 100 + 0.001 * minute }), TERMS)).toMatchObject({
    leaks: false,
  });
});

it('does not take garbage for a leak, nor a leak for garbage', () => {
  const growing = samples({ memory: (minute) => 100 + minute });
  const held = (perMinute: number) =>
    Array.from({ length: 120 }, (_, minute) => ({ x: minute, y: 30 + perMinute * minute + (minute % 2) }));
  expect(judge('collects late', growing, { ...TERMS, held: held(0) })).toMatchObject({ leaks: false });
  expect(judge('holds', samples({ memory: () => 100 }), { ...TERMS, held: held(0.1) })).toMatchObject({
    leaks: true,
  });
});

it('reads what each process holds', () => {
  const text = '7 60000 1048576\n8 60000 5\n7 120000 2097152\n';
  expect(heldPoints(text, 7, 0)).toEqual([
    { x: 1, y: 1 },
    { x: 2, y: 2 },
  ]);
});

it('finds files that are never closed', () => {
  const verdict = judge('opens', samples({ memory: () => 100, files: (minute) => 40 + minute }), TERMS);
  expect(verdict).toMatchObject({ leaks: true });
  expect(reportSoak([verdict])).toContain('**grows**');
});

it('does not take a connection for each request in progress for a leak', () => {
  const files = (minute: number) => (minute < 60 ? 40 : 44);
  expect(judge('fills its pool', samples({ memory: () => 100, files }), TERMS)).toMatchObject({
    leaks: false,
  });
});

it('reads the resident size of a process', () => {
  expect(residentKib('Name:\tnode\nVmPeak:\t 9 kB\nVmRSS:\t   20480 kB\n')).toBe(20_480);
});
