/**
 * `npm run bench:batching`: what joining requests gains, on a model that computes much and on a tiny one, and where
 * the time of an item goes. Measures, prints a table, asserts nothing; `--out FILE` keeps it.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { portOf } from '@headgate/contracts/names';
import { scrape } from '../../../test/e2e/harness/metrics.ts';
import { processesOf, type Stack, startStack } from '../../../test/e2e/harness/stack.ts';
import type { LoadJob } from '../client.ts';
import { rateOf, startWorker, type Worker } from '../jobs.ts';
import { describeMachine } from '../machine.ts';
import { positive } from '../options.ts';
import { type OwnRun, ownRun } from '../own-run.ts';
import { watchUsage } from '../peers/usage.ts';
import { type BatchedModel, batchedModels, copyModels, routeAll, VERSION } from './models.ts';
import { type BatchingRun, renderBatching } from './report.ts';
import { stageTimes } from './stages.ts';

const CONCURRENCY = 32;
const WARM_MS = 1000;
const BATCH_SIZES = [1, 8] as const;

interface BatchingOptions {
  readonly out: string | undefined;
  readonly rounds: number;
  readonly stageMs: number;
}

async function bench(options: BatchingOptions, run: OwnRun): Promise<string> {
  const machine = describeMachine();
  const models = await batchedModels(run.dir);
  const routingFile = routeAll(join(run.dir, 'routing.yaml'), models);
  const repositories = BATCH_SIZES.map((size) => ({
    size,
    modelsDir: copyModels(join(run.dir, `models-${size}`), models, size),
  }));
  const client = startWorker<LoadJob>('./client.ts');
  const runs: BatchingRun[] = [];
  try {
    for (let round = 1; round <= options.rounds; round += 1) {
      for (const { size, modelsDir } of repositories) {
        run.signal.throwIfAborted();
        const env = { HEADGATE_ROUTING_FILE: routingFile, HEADGATE_INFERENCE__MODELS_DIR: modelsDir };
        const stack = await startStack({ env });
        try {
          for (const model of models) {
            const one = await measure(stack, client, { model, size, stageMs: options.stageMs });
            run.progress(
              `round ${round}/${options.rounds}  ${model.model}, max batch ${size}: ${rateOf(one.measured).toFixed(1)} images/s`,
            );
            runs.push(one);
          }
        } finally {
          await stack.stop();
        }
      }
    }
  } finally {
    client.stop();
  }
  return renderBatching({ machine, rounds: options.rounds, stageMs: options.stageMs, runs });
}

async function measure(
  stack: Stack,
  client: Worker<LoadJob>,
  { model, size, stageMs }: { model: BatchedModel; size: number; stageMs: number },
): Promise<BatchingRun> {
  const metrics = `http://127.0.0.1:${portOf(stack.portBase, 'inferenceInternal')}/metrics`;
  const pids = () =>
    [...processesOf(stack, 'inference'), ...processesOf(stack, 'engine')].map(({ pid }) => pid);
  const before = await scrape(metrics);
  const end = watchUsage(pids);
  const measured = await client.run({
    target: { kind: 'grpc', address: stack.ready.inferenceGrpc, model: model.model, version: VERSION },
    photosDir: model.photosDir,
    concurrency: CONCURRENCY,
    warmMs: WARM_MS,
    durationMs: stageMs,
  });
  const { cpuMs } = end();
  const stages = stageTimes(before, await scrape(metrics), model.model);
  return { model: model.model, maxBatch: size, measured, serverCpuMs: cpuMs, stages };
}

function readOptions(): BatchingOptions {
  const { values } = parseArgs({
    options: {
      out: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '4' },
    },
  });
  return {
    out: values.out,
    rounds: positive('--rounds', values.rounds),
    stageMs: positive('--seconds', values.seconds) * 1000,
  };
}

const options = readOptions();
await ownRun(async (run) => {
  const report = await bench(options, run);
  console.log(`\n${report}`);
  if (options.out) writeFileSync(options.out, `# Benchmark: batching\n\n${report}\n`);
});
