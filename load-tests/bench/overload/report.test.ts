import { describe, expect, it } from 'vitest';
import { GRPC_DOOR, WHOLE_DOOR } from '../peers/headgate.ts';
import type { Curve, Level } from './curve.ts';
import { lessRefusals, medianCurve, ninetyPercent } from './judge.ts';
import type { OpenMeasured } from './open-client.ts';
import { renderOverload } from './report.ts';

const times = (count: number, ms: number) => Array.from({ length: count }, () => ms);

/** One level in a window of a second, so that counts are rates. */
function level(load: number, latencies: Partial<OpenMeasured['latencies']>): Level {
  const all = { ok: [], refused: [], expired: [], failed: [], ...latencies };
  const offered = Object.values(all).reduce((sum, one) => sum + one.length, 0);
  const measured = {
    windowMs: 1000,
    offered,
    latencies: all,
    outcomes: {},
    cpuMs: 100,
    elapsedMs: 1000,
    maxLagMs: 1,
  };
  return { level: load, measured, serverCpuMs: 1500 };
}

function curve(door: string, levels: Level[]): Curve {
  const refusal = { serverMs: 0.8, clientMs: 0.2, answered: 0 };
  return { door, capacityPerS: 100, serverCpuMsPerImage: 15, refusal, levels };
}

const machine = { date: '', commit: '', cpu: '', memoryGib: 1, kernel: '', loadBefore: 0, versions: {} };
const result = { machine, cores: 2, rounds: 1, levelMs: 1000, layouts: {}, problems: [] };

describe('The goodput that is wanted', () => {
  it('is nine tenths of the capacity by gRPC', () => {
    expect(ninetyPercent(curve(GRPC_DOOR, [])).wanted).toBeCloseTo(90);
  });

  it('is the capacity less the measured cost of the refusals less 5 % for the whole path', () => {
    // 200 refusals of 1 CPU-ms are a tenth of what two cores do in a second.
    const highest = level(3, { ok: times(90, 500), refused: times(200, 10) });
    expect(lessRefusals(curve(WHOLE_DOOR, [highest]), highest, 2).wanted).toBeCloseTo(85);
  });
});

describe('The report of the overload benchmark', () => {
  const good = level(3, { ok: times(95, 500), refused: times(200, 10) });
  const late = level(3, { ok: [...times(50, 500), ...times(10, 1200)], refused: times(200, 80) });

  it('says yes where goodput, accepted p99 and refusals are as wanted', () => {
    const report = renderOverload({ ...result, curves: [curve(GRPC_DOOR, [good])] });
    expect(report).toMatch(/goodput at 3 × capacity \| ≥ 90\.0\/s .* \| 95\.0\/s \| yes \|/);
    expect(report).toMatch(/accepted p99 at every level \| ≤ 1000 ms \| 500 ms \| yes \|/);
    expect(report).toMatch(/refusals answered, p99 \| < 50 ms \| 10\.0 ms \(p50 10\.0\) \| yes \|/);
  });

  it('does not count late answers as good', () => {
    const report = renderOverload({ ...result, curves: [curve(GRPC_DOOR, [late])] });
    expect(report).toMatch(/goodput at 3 × capacity .* 50\.0\/s \| no \|/);
    expect(report).toMatch(/accepted p99 at every level .* 1200 ms \| no \|/);
    expect(report).toMatch(/refusals answered, p99 .* \| no \|/);
  });

  it('draws offered and good', () => {
    const report = renderOverload({ ...result, curves: [curve('FastAPI', [good])] });
    expect(report).toMatch(/FastAPI {3}3 × █+░+ 95 of 295/);
    expect(report).not.toMatch(/NaN|undefined/);
  });
});

it('shows the round whose goodput at the highest load is the median', () => {
  const rounds = [30, 90, 60].map((ok) => curve('FastAPI', [level(3, { ok: times(ok, 1) })]));
  expect(medianCurve(rounds)).toBe(rounds[2]);
  expect(medianCurve([])).toBeUndefined();
});
