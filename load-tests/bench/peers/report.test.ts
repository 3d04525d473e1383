import { describe, expect, it } from 'vitest';
import type { Contender, Layout } from './contender.ts';
import { GRPC_DOOR, WHOLE_DOOR } from './headgate.ts';
import type { Run } from './measure.ts';
import { renderPeers } from './report.ts';
import type { Rounds, Series } from './rounds.ts';
import { bestOf } from './select.ts';
import { ratioOf, summarise } from './summary.ts';

/** A run of one second. */
function run(imagesPerS: number, cpuMsPerImage: number): Run {
  const latencies = Array.from({ length: imagesPerS }, () => 10);
  const measured = { latencies, windowMs: 1000, answered: imagesPerS, failures: {}, cpuMs: imagesPerS / 2 };
  return { measured, usage: { cpuMs: cpuMsPerImage * imagesPerS, cpuMsOfPart: {}, peakBytes: 2 ** 28 } };
}

function series(contender: string | undefined, name: string, runs: (Run | undefined)[]): Series {
  return { contender, name, layout: 'a layout', concurrency: 32, runs };
}

const measured: Rounds = {
  series: [
    { ...series(undefined, 'L1 bare loop', [run(200, 9), run(100, 9), run(200, 9)]), concurrency: 2 },
    series('headgate', GRPC_DOOR, [run(180, 10), run(90, 10), run(200, 10)]),
    series('headgate', WHOLE_DOOR, [run(140, 12), run(60, 12), run(150, 12)]),
    series('fastapi', 'FastAPI', [run(100, 20), run(50, 20), run(100, 20)]),
    series('litserve', 'LitServe', [run(90, 11), undefined, run(125, 11)]),
  ],
  startMs: new Map([['FastAPI', [1000, 3000, 2000]]]),
  problems: ['litserve, round 2: it ended: out of luck'],
};

const layout: Layout = { name: '1 worker × 2 threads', threads: 2 };
const contender = { id: 'fastapi' } as Contender;
const machine = { date: '', commit: '', cpu: '', memoryGib: 1, kernel: '', loadBefore: 0, versions: {} };
const result = {
  machine,
  rounds: 3,
  stageMs: 1000,
  choices: [{ contender, best: layout, trials: [{ layout, imagesPerS: 99, note: '' }] }],
  loop: '2 loops',
  measured,
  unprepared: [{ id: 'ray', reason: 'no such package' }],
};

describe('The summary of the rounds', () => {
  const row = (name: string) => summarise(measured).find((one) => one.name === name);

  it('takes the median of ratios of the same round, each to the best peer of that round', () => {
    // 180/100, 90/50 (LitServe failed), 200/125
    expect(row(GRPC_DOOR)?.ratioToBestPeer).toBeCloseTo(1.8);
    expect(row('FastAPI')).toMatchObject({
      imagesPerS: 100,
      ratioToBestPeer: 1,
      startMs: 2000,
      serverCpuMs: 20,
    });
  });

  it('compares two series round by round', () => {
    expect(ratioOf(measured.series[1], measured.series[0])).toBeCloseTo(0.9);
    expect(ratioOf(measured.series[1], undefined)).toBeUndefined();
  });
});

describe('The report of the peers', () => {
  const report = renderPeers(result);

  it('says of each target whether it was met, and of a floor whether it was kept', () => {
    expect(report).toContain('| gRPC / best peer, images/s, c=32 | ≥ 1.5 (floor 1.15) | 1.80 | yes |');
    expect(report).toContain(
      '| whole path / best peer, images/s, c=32 | ≥ 1.5 (floor 1.15) | 1.20 | no, but above the floor |',
    );
    expect(report).toContain(
      '| gRPC c=32 / L1, images/s | ≥ 0.92 (floor 0.87) | 0.90 | no, but above the floor |',
    );
    expect(report).toContain('fewer than every peer | 10.0 (least of the peers 11.0) | yes |');
    expect(report).toContain('fewer than every peer | 12.0 (least of the peers 11.0) | no |');
  });

  it('names what did not run instead of leaving it out', () => {
    expect(report).toContain('- ray: no such package');
    expect(report).toContain('- litserve, round 2: it ended: out of luck');
  });

  it('has no numbers that are none, also when nothing was measured', () => {
    const nothing = { ...result, measured: { series: [], startMs: new Map(), problems: [] } };
    expect(report + renderPeers(nothing)).not.toMatch(/NaN|undefined|Infinity/);
  });
});

it('chooses the layout with most images per second, and none when none worked', () => {
  const other: Layout = { name: 'other', threads: 1 };
  const trial = (one: Layout, imagesPerS: number | undefined) => ({ layout: one, imagesPerS, note: '' });
  expect(bestOf([trial(layout, 90), trial(other, 120)])).toBe(other);
  expect(bestOf([trial(layout, 90), trial(other, undefined)])).toBe(layout);
  expect(bestOf([trial(layout, undefined), trial(other, 0)])).toBeUndefined();
});
