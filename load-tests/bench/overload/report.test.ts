import { describe, expect, it } from 'vitest';
import type { Curve } from './curve.ts';
import type { OpenMeasured } from './open-client.ts';
import { medianCurve, overloadReport } from './report.ts';

const times = (count: number, ms: number) => Array.from({ length: count }, () => ms);

/** Three times the capacity of 100 images/s, in a window of a second, so that counts are rates. */
function curve(latencies: Partial<OpenMeasured['latencies']>): Curve {
  const all = { ok: [], refused: [], expired: [], failed: [], ...latencies };
  const offered = Object.values(all).reduce((sum, one) => sum + one.length, 0);
  const spent = { cpuMs: 100, elapsedMs: 1000 };
  const measured = { windowMs: 1000, offered, latencies: all, outcomes: {}, ...spent };
  return { door: 'a server', capacityPerS: 100, levels: [{ level: 3, measured, serverCpuMs: 1500 }] };
}

describe('The report of the overload benchmark', () => {
  const refused = times(200, 10);

  it('says yes where goodput, accepted p99 and refusals are as wanted', () => {
    const report = overloadReport([curve({ ok: times(95, 500), refused })]).join('\n');
    expect(report).toContain('| a server: goodput at 3 × capacity | 0.95 | ≥ 0.80 | ≥ 0.70 | yes |');
    expect(report).toContain('| a server: accepted p99 at every level | 500 ms | ≤ 1000 ms | – | yes |');
    expect(report).toContain('| a server: refusals p99 | 10 ms | ≤ 100 ms | ≤ 200 ms | yes |');
  });

  it('does not count late answers as good', () => {
    const late = curve({ ok: [...times(50, 500), ...times(10, 1200)], refused: times(200, 180) });
    const report = overloadReport([late]).join('\n');
    expect(report).toContain('goodput at 3 × capacity | 0.50 | ≥ 0.80 | ≥ 0.70 | no |');
    expect(report).toContain('accepted p99 at every level | 1200 ms | ≤ 1000 ms | – | no |');
    expect(report).toContain('refusals p99 | 180 ms | ≤ 100 ms | ≤ 200 ms | above the floor |');
  });
});

it('shows the round whose goodput at the highest load is the median', () => {
  const rounds = [30, 90, 60].map((ok) => curve({ ok: times(ok, 1) }));
  expect(medianCurve(rounds)).toBe(rounds[2]);
  expect(medianCurve([])).toBeUndefined();
});
