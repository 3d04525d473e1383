/**
 * `npm run bench:peers`: Headgate and five other servers side by side, interleaved, on the same photos, the same
 * ONNX file and two compute threads each. Measures, prints tables, asserts nothing; `--out FILE` keeps them.
 */
import { median } from '@headgate/testkit/stats';
import { runBenchmark } from '../benchmark.ts';
import type { LoadJob } from '../client.ts';
import { startWorker } from '../jobs.ts';
import { L1 } from '../l1.ts';
import { type BenchRun, CONCURRENCIES, doorLoad, type Load, loopLoad, perSecond } from '../series.ts';
import type { Contender } from './contender.ts';
import { pinnedVersions } from './peer.ts';
import { prepare, SERVERS } from './prepare.ts';
import { Ledger, peersReport } from './report.ts';
import { PEERS } from './servers.ts';
import { type Expectation, startTrial, type Trial } from './trial.ts';

/** One round of one server, alone and freshly started, at every concurrency. */
async function measureServer(
  contender: Contender,
  { expected, ledger }: { readonly expected: Expectation; readonly ledger: Ledger },
  run: BenchRun,
): Promise<void> {
  const trial = await startWithTries(contender, expected);
  const client = startWorker<LoadJob>('./client.ts', { wrapper: trial.server.clientWrapper });
  try {
    for (const [index, door] of trial.server.doors.entries()) {
      ledger.started(door.name, trial.startMs[index] ?? Number.NaN);
      for (const callers of CONCURRENCIES) {
        run.signal.throwIfAborted();
        await measureLoad(doorLoad(door, callers, { ...run, client }), { ledger, id: contender.id }, run);
      }
    }
  } finally {
    client.stop();
    await trial.server.stop();
  }
}

async function startWithTries(contender: Contender, expected: Expectation): Promise<Trial> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startTrial(contender, expected);
    } catch (error) {
      if (attempt === contender.tries) throw error;
    }
  }
}

async function measureLoad(
  load: Load,
  { ledger, id }: { readonly ledger: Ledger; readonly id: string },
  { progress }: BenchRun,
): Promise<void> {
  const measured = await load.run();
  ledger.add(id, load.name, measured);
  progress(`${load.name}: ${perSecond(measured).toFixed(1)} images/s`);
}

const rules = { script: 'bench:peers', names: ['l1', ...SERVERS], rounds: 3, seconds: 3 };
await runBenchmark(rules, async (run, only) => {
  const ledger = new Ledger();
  const expected: Expectation = { classes: undefined };
  /** A server that does not install, start or finish is named in the report, and left out from then on. */
  const tolerate = async <T>(id: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      run.signal.throwIfAborted();
      ledger.failed(id, error);
      run.progress(ledger.problems.at(-1) ?? '');
      return undefined;
    }
  };
  const prepared: (Contender | undefined)[] = [];
  for (const id of only) if (id !== 'l1') prepared.push(await tolerate(id, () => prepare(id, run)));
  for (let round = 1; round <= run.rounds; round += 1) {
    run.progress(`round ${round}/${run.rounds}`);
    if (only.includes('l1')) await measureLoad(loopLoad(L1, run), { ledger, id: 'l1' }, run);
    for (const contender of prepared) {
      if (!contender || ledger.hasFailed(contender.id)) continue;
      await tolerate(contender.id, () => measureServer(contender, { expected, ledger }, run));
    }
  }
  const specs = PEERS.filter(({ id }) => only.includes(id));
  const versions: Record<string, string> = Object.assign({}, ...specs.map(pinnedVersions));
  const layouts = specs.map(({ name, layout }) => `${name}: ${layout}`);
  return [
    `${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}.`,
    ...peersReport(ledger),
    `Each server alone and freshly started. ${layouts.join('; ')}.`,
    `Start to the first right answer: ${[...ledger.starts].map(([name, ms]) => `${name} ${(median(ms) / 1000).toFixed(2)} s`).join(', ')}.`,
  ];
});
