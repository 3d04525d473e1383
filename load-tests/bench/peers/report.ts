import type { Machine } from '../machine.ts';
import { bars, countsText, machineLines, type TargetRow, table, targetsTable } from '../markdown.ts';
import { GRPC_DOOR, WHOLE_DOOR } from './headgate.ts';
import { CONCURRENCIES, FULL } from './measure.ts';
import { GUARDED } from './prepare.ts';
import type { Rounds } from './rounds.ts';
import type { Choice } from './select.ts';
import { isPeer, type PeerRow, ratioOf, summarise } from './summary.ts';

export interface PeersResult {
  readonly machine: Machine;
  readonly rounds: number;
  readonly stageMs: number;
  readonly choices: readonly Choice[];
  /** The bare loop that was fastest; undefined if it was left out. */
  readonly loop: string | undefined;
  readonly measured: Rounds;
  /** Contenders that could not be prepared, with the reason. */
  readonly unprepared: readonly { readonly id: string; readonly reason: string }[];
}

/** What the whole is measured by: wanted, and the floor below which it is not done. */
const PEER_TARGET = { wanted: 1.5, floor: 1.15 };
const LOOP_TARGET = { wanted: 0.92, floor: 0.87 };
const GUARDED_TARGET = { wanted: 1, floor: 0.9 };

/** The whole report as Markdown. */
export function renderPeers(result: PeersResult): string {
  const rows = summarise(result.measured);
  const { machine, rounds, stageMs, measured, unprepared } = result;
  const how = `${rounds} interleaved rounds of ${stageMs / 1000} s per load, each server alone and freshly started; two compute threads each; the client is a process of its own on the same cores.`;
  const problems = [...unprepared.map(({ id, reason }) => `${id}: ${reason}`), ...measured.problems];
  return [
    `${machineLines(machine)}\n${how}`,
    targetsTable(targetRows(result, rows)),
    renderRows(rows),
    renderBars(rows),
    'Layouts, chosen by images per second at concurrency 32 in a short run before:',
    renderLayouts(result),
    ...(problems.length > 0 ? [`Problems:\n\n${problems.map((text) => `- ${text}`).join('\n')}`] : []),
  ].join('\n\n');
}

function targetRows({ measured }: PeersResult, rows: readonly PeerRow[]): TargetRow[] {
  const at = (name: string) => rows.find((row) => row.name === name && row.concurrency === FULL);
  const [grpc, whole] = [at(GRPC_DOOR), at(WHOLE_DOOR)];
  const find = (name: string, concurrency: number = FULL) =>
    measured.series.find((one) => one.name === name && one.concurrency === concurrency);
  const loop = measured.series.find(({ contender }) => contender === undefined);
  return [
    ratioRow('gRPC / best peer, images/s, c=32', grpc?.ratioToBestPeer, PEER_TARGET),
    ratioRow('whole path / best peer, images/s, c=32', whole?.ratioToBestPeer, PEER_TARGET),
    ...CONCURRENCIES.map((c) =>
      ratioRow(
        `whole path / ${GUARDED.name}, images/s, c=${c}`,
        ratioOf(find(WHOLE_DOOR, c), find(GUARDED.name, c)),
        GUARDED_TARGET,
      ),
    ),
    ratioRow('gRPC c=32 / L1, images/s', ratioOf(find(GRPC_DOOR), loop), LOOP_TARGET),
    cpuRow('gRPC, CPU-ms per image, c=32', grpc, rows),
    cpuRow('whole path, CPU-ms per image, c=32', whole, rows),
  ];
}

function ratioRow(
  name: string,
  ratio: number | undefined,
  { wanted, floor }: { wanted: number; floor: number },
): TargetRow {
  const text = floor < wanted ? `≥ ${wanted} (floor ${floor})` : `≥ ${wanted}`;
  if (ratio === undefined) return [name, text, '–', 'not measured'];
  const met = ratio >= wanted ? 'yes' : ratio >= floor ? 'no, but above the floor' : 'no';
  return [name, text, ratio.toFixed(2), met];
}

function cpuRow(name: string, row: PeerRow | undefined, rows: readonly PeerRow[]): TargetRow {
  const peers = rows.filter((one) => isPeer(one) && one.concurrency === FULL);
  if (!row || peers.length === 0) return [name, 'fewer than every peer', '–', 'not measured'];
  const least = Math.min(...peers.map(({ serverCpuMs }) => serverCpuMs));
  const measured = `${row.serverCpuMs.toFixed(1)} (least of the peers ${least.toFixed(1)})`;
  return [name, 'fewer than every peer', measured, row.serverCpuMs < least ? 'yes' : 'no'];
}

function renderRows(rows: readonly PeerRow[]): string {
  const heads = ['server', 'c', 'images/s', '/ best peer', 'p50 ms', 'p95 ms', 'p99 ms', 'CPU-ms per image'];
  const cells = rows.map((row) => [
    row.name,
    String(row.concurrency),
    row.imagesPerS.toFixed(1),
    row.ratioToBestPeer?.toFixed(2) ?? '–',
    ...[row.p50, row.p95, row.p99].map((ms) => ms.toFixed(1)),
    row.serverCpuMs.toFixed(1),
    row.clientCpuMs.toFixed(1),
    row.peakBytes > 0 ? (row.peakBytes / 2 ** 20).toFixed(0) : '–',
    row.startMs === undefined ? '–' : (row.startMs / 1000).toFixed(2),
    countsText(row.failures),
  ]);
  return table([...heads, 'client CPU-ms', 'peak MiB (PSS)', 'start s', 'failed'], cells);
}

function renderBars(rows: readonly PeerRow[]): string {
  const width = Math.max(...rows.map(({ name }) => name.length));
  const all = rows.map(({ name, concurrency, imagesPerS }) => ({
    label: `${name.padEnd(width)} c=${String(concurrency).padEnd(2)}`,
    value: imagesPerS,
  }));
  return bars('images per second', all);
}

function renderLayouts({ choices, loop }: PeersResult): string {
  const rows = choices.flatMap(({ contender, trials, best }) =>
    trials.map(({ layout, imagesPerS, note }) => [
      contender.id,
      layout.name,
      imagesPerS === undefined ? 'did not work' : imagesPerS.toFixed(1),
      layout === best ? 'measured' : '',
      note,
    ]),
  );
  const bare = loop === undefined ? [] : [['l1', loop, '', 'measured', 'the fastest of several']];
  return table(['server', 'layout', 'images/s', '', 'note'], [...bare, ...rows]);
}
