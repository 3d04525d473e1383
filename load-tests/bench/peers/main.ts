/**
 * `npm run bench:peers`: Headgate and five other servers side by side, interleaved, on the same photos, the same
 * ONNX file and two compute threads each. Measures, prints tables, asserts nothing; `--out FILE` keeps them.
 */
import { writeFileSync } from 'node:fs';
import { chooseLoop } from '../l1.ts';
import { describeMachine, type Machine } from '../machine.ts';
import { type OwnRun, ownRun } from '../own-run.ts';
import { type PeersOptions, parsePeersOptions, USAGE } from './options.ts';
import { pinnedVersions } from './peer.ts';
import { prepareContenders } from './prepare.ts';
import { type PeersResult, renderPeers } from './report.ts';
import { runRounds } from './rounds.ts';
import { type Choice, chooseLayout } from './select.ts';
import { PEERS } from './servers.ts';

async function bench(options: PeersOptions, run: OwnRun): Promise<PeersResult> {
  const { signal, progress } = run;
  const { contenders, unprepared } = await prepareContenders(options.only, run);
  const machine = withVersions(describeMachine(), options.only);
  if (machine.loadBefore > 0.2)
    progress(`the machine is busy: load average ${machine.loadBefore.toFixed(2)}`);
  const expected = { classes: undefined };
  const select = { expected, durationMs: options.selectMs, signal, progress };
  const loop = options.only.includes('l1') ? await chooseLoop(options.selectMs / 2, run) : undefined;
  const choices: Choice[] = [];
  for (const contender of contenders) choices.push(await chooseLayout(contender, select));
  const { rounds, stageMs } = options;
  const measured = await runRounds(choices, { rounds, stageMs, loop, expected, signal, progress });
  return { machine, rounds, stageMs, choices, loop: loop?.name, measured, unprepared };
}

function withVersions(machine: Machine, only: readonly string[]): Machine {
  const peers = PEERS.filter(({ id }) => only.includes(id));
  return {
    ...machine,
    versions: { ...machine.versions, ...Object.assign({}, ...peers.map(pinnedVersions)) },
  };
}

function readOptions(): PeersOptions {
  try {
    return parsePeersOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`);
    process.exit(2);
  }
}

const options = readOptions();
await ownRun(async (run) => {
  const report = renderPeers(await bench(options, run));
  console.log(`\n${report}`);
  if (options.out) writeFileSync(options.out, `# Benchmark: peers\n\n${report}\n`);
});
