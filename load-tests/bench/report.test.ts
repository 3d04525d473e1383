import { describe, expect, it } from 'vitest';
import type { StageResult } from './path.ts';
import { type BenchResult, renderReport } from './report.ts';

const stage: StageResult = {
  stage: 'L0 bare loop',
  concurrency: 4,
  imagesPerS: 80,
  ratioToL0: 1,
  p50: 1,
  p95: 2,
  p99: 3,
  serverCpuMs: 24,
  cpuMsOfPart: { envoy: 0, gateway: 0, inference: 0, engine: 0 },
  clientCpuMs: 0,
  failures: {},
};

const whole: StageResult = {
  ...stage,
  stage: 'whole path, HTTPS',
  concurrency: 8,
  imagesPerS: 60,
  ratioToL0: 0.75,
  cpuMsOfPart: { envoy: 0.5, gateway: 1.5, inference: 2, engine: 20 },
  failures: { '503': 2 },
};

const result: BenchResult = {
  machine: {
    date: '2026-11-23',
    commit: 'abc1234',
    cpu: '2 × CPU',
    memoryGib: 24,
    kernel: '6.1',
    loadBefore: 0.05,
    versions: { Node: '24' },
  },
  rounds: 3,
  stageMs: 6000,
};

describe('The report of the bench', () => {
  it('says of each target whether it was met', () => {
    const report = renderReport({ ...result, path: [stage, whole], startMs: 3210 });
    expect(report).toContain('| whole path / L0, best concurrency | ≥ 0.80 | 0.75 | no |');
    expect(report).toContain('| npm start to first prediction | ≤ 5 s | 3.21 s | yes |');
  });

  it('shows what failed, and where the time of the processors went', () => {
    const report = renderReport({ ...result, path: [stage, whole] });
    expect(report).toMatch(/whole path, HTTPS \| 8 \|.*0\.5 \/ 1\.5 \/ 2\.0 \/ 20\.0 \|.*2 × 503/);
  });

  it('names the machine, the commit and the versions', () => {
    expect(renderReport(result)).toMatch(/2026-11-23 at commit abc1234: 2 × CPU, 24 GiB[\s\S]*Node 24/);
  });

  it('leaves out what was not measured', () => {
    expect(renderReport(result)).not.toMatch(/undefined|NaN|Infinity|L0/);
  });
});
