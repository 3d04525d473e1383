import { expect, it } from 'vitest';
import type { Calibration } from './calibration.ts';
import type { Plan } from './plan.ts';
import { curveRows, curveSvg, deploymentRows } from './report.ts';

const point = (perSecond: number, p95Ms: number) => ({
  ...{ perSecond, p50Ms: p95Ms / 2, p95Ms, refusedShare: 0.001, cpuShare: 0.5, batchSize: 2, queueMs: 1 },
});

const FOUND: Plan = {
  maxBatchSize: 8,
  maxQueueDelayMs: 0,
  most: point(80, 90),
  curve: [point(10, 20), point(80, 90), point(100, 900)],
  target: { cpuPercent: 50, queueTimeMs: null },
  deployments: [
    { perSecond: 210, pods: 3, gateways: 3, planned: point(70, 60), minReplicas: 3, maxReplicas: 4 },
  ],
};

it('writes a row for each load of a pod, and of all clients', () => {
  const { headings, rows } = curveRows(FOUND);
  expect(rows).toHaveLength(3);
  expect(rows[1]).toEqual(['80.0', '45.0', '90.0', '0.1 %', '50.0 %', '2.0']);
  expect(headings).toHaveLength(rows[0]?.length as number);
  const deployments = deploymentRows(FOUND);
  expect(deployments.rows).toEqual([['210', '3', '3', '70.0', '30.0', '60.0', '50.0 %', '3', '4']]);
  expect(deployments.headings).toHaveLength(9);
});

it('draws within its frame, says in words what it shows, and escapes what it quotes', () => {
  const calibration = { source: '<script>alert(1)</script> & "more"' } as Calibration;
  const svg = curveSvg(FOUND, { p95Ms: 100, calibration });
  expect(svg).not.toContain('<script>');
  expect(svg).toContain('At 80.0 requests per second a pod answers 95 % within 90.0 ms.');
  const heights = [...svg.matchAll(/points="([^"]+)"/g)].flatMap(([, points]) =>
    (points as string).split(' ').map((pair) => Number(pair.split(',')[1])),
  );
  expect(heights).toHaveLength(6);
  expect(Math.min(...heights)).toBeGreaterThanOrEqual(0);
});
