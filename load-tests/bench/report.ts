import type { GatewayResult } from './gateway.ts';
import type { Machine } from './machine.ts';
import { bars, countsText, machineLines, table } from './markdown.ts';
import type { StageResult } from './path.ts';
import type { SaturatedResult } from './saturated.ts';

/** Everything that one run measured; a part that was left out is undefined. */
export interface BenchResult {
  readonly machine: Machine;
  readonly rounds: number;
  readonly stageMs: number;
  readonly path?: readonly StageResult[];
  readonly saturated?: SaturatedResult;
  readonly gateway?: GatewayResult;
  /** `npm start`, warm, to the first prediction, in ms. */
  readonly startMs?: number;
}

/** The whole report as Markdown. */
export function renderReport(result: BenchResult): string {
  const { path, saturated, gateway, startMs } = result;
  return [
    renderMachine(result),
    ...(path ? [renderTargets(result), renderPath(path), renderBars(path)] : [renderTargets(result)]),
    ...(gateway ? [renderGateway(gateway)] : []),
    ...(saturated ? [renderSaturated(saturated)] : []),
    ...(startMs === undefined
      ? []
      : [`\`npm start\`, everything cached, to the first prediction over HTTPS: ${seconds(startMs)}`]),
  ].join('\n\n');
}

function renderMachine({ machine, rounds, stageMs }: BenchResult): string {
  const how = `${rounds} interleaved rounds of ${stageMs / 1000} s per stage; the client is a process of its own on the same cores.`;
  return `${machineLines(machine)}\n${how}`;
}

function renderTargets({ path, saturated, gateway, startMs }: BenchResult): string {
  const whole = path?.filter(({ stage }) => stage === 'whole path, HTTPS') ?? [];
  const ratio = Math.max(...whole.map(({ ratioToL0 }) => ratioToL0));
  const rows: [string, string, string, boolean][] = [];
  if (path) rows.push(['whole path / L0, best concurrency', '≥ 0.80', ratio.toFixed(2), ratio >= 0.8]);
  if (gateway) {
    const { addedP50, addedP99, firstAnswerMs } = gateway;
    rows.push(['gateway adds, p50', '≤ 1.5 ms', ms(addedP50), addedP50 <= 1.5]);
    rows.push(['gateway adds, p99', '≤ 5 ms', ms(addedP99), addedP99 <= 5]);
    rows.push(['gateway process, first answer', '< 300 ms', ms(firstAnswerMs), firstAnswerMs < 300]);
  }
  if (saturated) {
    const worst = Math.max(saturated.readyz.p99, saturated.health.p99);
    rows.push(['/readyz and gRPC health while saturated, p99', '< 50 ms', ms(worst), worst < 50]);
  }
  if (startMs !== undefined)
    rows.push(['npm start to first prediction', '≤ 5 s', seconds(startMs), startMs <= 5000]);
  return table(
    ['target', 'wanted', 'measured', 'met'],
    rows.map(([name, wanted, measured, met]) => [name, wanted, measured, met ? 'yes' : 'no']),
  );
}

function renderPath(path: readonly StageResult[]): string {
  const rows = path.map((one) => [
    one.stage,
    String(one.concurrency),
    one.imagesPerS.toFixed(1),
    one.ratioToL0.toFixed(2),
    one.p50.toFixed(1),
    one.p95.toFixed(1),
    one.p99.toFixed(1),
    one.serverCpuMs.toFixed(1),
    `${part(one, 'envoy')} / ${part(one, 'gateway')} / ${part(one, 'inference')} / ${part(one, 'engine')}`,
    one.clientCpuMs.toFixed(1),
    countsText(one.failures),
  ]);
  const heads = ['stage', 'c', 'images/s', '/ L0', 'p50 ms', 'p95 ms', 'p99 ms', 'CPU-ms per image'];
  const whole = path.at(-1);
  const bare = path[0];
  const cpu = whole && bare ? (whole.serverCpuMs / bare.serverCpuMs).toFixed(2) : '–';
  return [
    table([...heads, 'of it Envoy / gateway / front / engines', 'client CPU-ms', 'failed'], rows),
    `CPU time per image, last row / L0: ${cpu} (less sensitive to a busy machine than images/s).`,
  ].join('\n\n');
}

function part(one: StageResult, name: keyof StageResult['cpuMsOfPart']): string {
  const value = one.cpuMsOfPart[name];
  return value === 0 ? '–' : value.toFixed(1);
}

function renderBars(path: readonly StageResult[]): string {
  return bars(
    'images per second',
    path.map(({ stage, concurrency, imagesPerS }) => ({
      label: `${stage.padEnd(18)} c=${String(concurrency).padEnd(3)}`,
      value: imagesPerS,
    })),
  );
}

function renderGateway(gateway: GatewayResult): string {
  const { direct, through } = gateway;
  const note =
    'Gateway over an upstream that answers after 40 ms by timer, 30 kB raw bodies, concurrency 16, all layers on:';
  const calls = table(
    ['', 'p50 ms', 'p99 ms'],
    [
      ['direct gRPC call', direct.p50.toFixed(2), direct.p99.toFixed(2)],
      ['through the gateway', through.p50.toFixed(2), through.p99.toFixed(2)],
      ['added (median of the rounds)', gateway.addedP50.toFixed(2), gateway.addedP99.toFixed(2)],
    ],
  );
  const more = [
    `Saturated (concurrency 128): ${gateway.saturationPerS.toFixed(0)} requests/s, ${gateway.saturationCpuMs.toFixed(2)} CPU-ms of the gateway per request, with upstream and client on the same cores.`,
    `A fresh gateway process gives its first answer after ${ms(gateway.firstAnswerMs)} and its first prediction after ${ms(gateway.firstPredictionMs)}.`,
  ];
  const failed = gateway.failures.flatMap((counts) => Object.entries(counts));
  if (failed.length > 0)
    more.push(`Failed: ${failed.map(([what, count]) => `${count} × ${what}`).join(', ')}.`);
  return [note, calls, more.join('\n')].join('\n\n');
}

function renderSaturated({ readyz, health, notReady, imagesPerS }: SaturatedResult): string {
  return [
    `While 64 callers saturate the whole path (${imagesPerS.toFixed(1)} images/s), probes every 20 ms, ${notReady} of them not "ready":`,
    table(
      ['probe', 'count', 'p50 ms', 'p99 ms'],
      [
        ['gateway `/readyz`', String(readyz.count), readyz.p50.toFixed(1), readyz.p99.toFixed(1)],
        ['inference gRPC health', String(health.count), health.p50.toFixed(1), health.p99.toFixed(1)],
      ],
    ),
  ].join('\n\n');
}

const ms = (value: number) => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
const seconds = (value: number) => `${(value / 1000).toFixed(2)} s`;
