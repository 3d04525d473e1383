import { percentile } from '@headgate/testkit/stats';
import type { Machine } from '../machine.ts';
import { countsText, machineLines, type TargetRow, table, targetsTable } from '../markdown.ts';
import { GRPC_DOOR, WHOLE_DOOR } from '../peers/headgate.ts';
import { type Curve, DEADLINE_MS, goodPerS, type Level, offeredPerS } from './curve.ts';
import { type Allowance, accepted, isWithinDeadline, lessRefusals, ninetyPercent } from './judge.ts';

export interface OverloadResult {
  readonly machine: Machine;
  readonly cores: number;
  readonly rounds: number;
  readonly levelMs: number;
  /** Server → layout that was measured. */
  readonly layouts: Readonly<Record<string, string>>;
  readonly curves: readonly Curve[];
  readonly problems: readonly string[];
}

const REFUSED_WITHIN_MS = 50;

/** The whole report as Markdown. */
export function renderOverload(result: OverloadResult): string {
  const { machine, rounds, levelMs, layouts, curves, problems } = result;
  const how = [
    `Open model: Poisson arrivals that wait for nobody, ${levelMs / 1000} s per level, ${rounds} round(s); each request is due ${DEADLINE_MS} ms after its arrival, and times count from there.`,
    'Capacity: a closed loop of 32 callers in the same run. Good: right answers within the deadline. Accepted: answered or expired.',
    `Layouts: ${Object.entries(layouts)
      .map(([id, name]) => `${id} ${name}`)
      .join('; ')}. The load generator shares the cores.`,
  ];
  return [
    `${machineLines(machine)}\n${how.join('\n')}`,
    targetsTable(targetRows(result)),
    renderLevels(curves),
    renderChart(curves),
    ...renderRefusals(curves),
    ...(problems.length > 0 ? [`Problems:\n\n${problems.map((text) => `- ${text}`).join('\n')}`] : []),
  ].join('\n\n');
}

function targetRows({ curves, cores }: OverloadResult): TargetRow[] {
  return curves.flatMap((curve) => {
    const highest = curve.levels.at(-1);
    if (!highest || ![GRPC_DOOR, WHOLE_DOOR].includes(curve.door)) return [];
    const allowance = curve.door === GRPC_DOOR ? ninetyPercent(curve) : lessRefusals(curve, highest, cores);
    return [
      goodputRow(curve, highest, allowance),
      [
        `${curve.door}: accepted p99 at every level`,
        `≤ ${DEADLINE_MS} ms`,
        `${Math.max(...curve.levels.map((level) => percentile(accepted(level), 99))).toFixed(0)} ms`,
        curve.levels.every(isWithinDeadline) ? 'yes' : 'no',
      ],
      refusalRow(curve),
    ];
  });
}

function goodputRow({ door }: Curve, level: Level, { wanted, how }: Allowance): TargetRow {
  const good = goodPerS(level.measured);
  return [
    `${door}: goodput at ${level.level} × capacity`,
    `≥ ${wanted.toFixed(1)}/s (${how})`,
    `${good.toFixed(1)}/s`,
    good >= wanted ? 'yes' : 'no',
  ];
}

function refusalRow({ door, levels }: Curve): TargetRow {
  const times = levels.flatMap(({ measured }) => measured.latencies.refused);
  const wanted = `< ${REFUSED_WITHIN_MS} ms`;
  if (times.length === 0) return [`${door}: refusals answered, p99`, wanted, '–', 'none refused'];
  const p99 = percentile(times, 99);
  return [
    `${door}: refusals answered, p99`,
    wanted,
    `${p99.toFixed(1)} ms (p50 ${percentile(times, 50).toFixed(1)})`,
    p99 < REFUSED_WITHIN_MS ? 'yes' : 'no',
  ];
}

function renderLevels(curves: readonly Curve[]): string {
  const heads = ['server', '× capacity', 'offered/s', 'good/s', '/ capacity', 'accepted p50 ms', 'p99 ms'];
  const more = ['refused/s', 'refusal p50 ms', 'p99 ms', 'expired/s', 'failed/s', 'server CPU', 'client CPU'];
  const rows = curves.flatMap((curve) => curve.levels.map((level) => levelCells(curve, level)));
  return table([...heads, ...more, 'what came instead'], rows);
}

function levelCells({ door, capacityPerS }: Curve, level: Level): string[] {
  const { measured, serverCpuMs } = level;
  const { latencies, windowMs, elapsedMs, cpuMs } = measured;
  const perS = (times: readonly number[]) => ((times.length * 1000) / windowMs).toFixed(1);
  const at = (times: readonly number[], p: number) =>
    times.length === 0 ? '–' : percentile(times, p).toFixed(1);
  const times = accepted(level);
  const good = goodPerS(measured);
  return [
    door,
    String(level.level),
    offeredPerS(measured).toFixed(1),
    good.toFixed(1),
    (good / capacityPerS).toFixed(2),
    at(times, 50),
    at(times, 99),
    perS(latencies.refused),
    at(latencies.refused, 50),
    at(latencies.refused, 99),
    perS(latencies.expired),
    perS(latencies.failed),
    `${((serverCpuMs * 100) / elapsedMs).toFixed(0)} %`,
    `${((cpuMs * 100) / elapsedMs).toFixed(0)} %`,
    countsText(measured.outcomes),
  ];
}

const CHART_WIDTH = 60;

/** One line per level: `█` good, `░` offered beyond it. */
function renderChart(curves: readonly Curve[]): string {
  const most = Math.max(
    ...curves.flatMap(({ levels }) => levels.map(({ measured }) => offeredPerS(measured))),
  );
  const width = Math.max(...curves.map(({ door }) => door.length));
  const lines = curves.flatMap(({ door, levels }) =>
    levels.map(({ level, measured }) => {
      const [offered, good] = [offeredPerS(measured), goodPerS(measured)];
      const full = Math.round((good / most) * CHART_WIDTH);
      const rest = Math.max(0, Math.round((offered / most) * CHART_WIDTH) - full);
      const bar = '█'.repeat(full) + '░'.repeat(rest);
      return `${door.padEnd(width)} ${String(level).padStart(3)} × ${bar} ${good.toFixed(0)} of ${offered.toFixed(0)}`;
    }),
  );
  return ['```', 'good (█) of offered (░) requests per second', ...lines, '```'].join('\n');
}

function renderRefusals(curves: readonly Curve[]): string[] {
  const rows = curves.flatMap(({ door, refusal, serverCpuMsPerImage }) =>
    refusal
      ? [
          [
            door,
            refusal.serverMs.toFixed(2),
            refusal.clientMs.toFixed(2),
            serverCpuMsPerImage.toFixed(1),
            String(refusal.answered),
          ],
        ]
      : [],
  );
  if (rows.length === 0) return [];
  const heads = ['server', 'CPU-ms per refusal', 'client CPU-ms', 'CPU-ms per image', 'not refused'];
  return ['Cost of a refusal, measured alone with deadlines that no photo can meet:', table(heads, rows)];
}
