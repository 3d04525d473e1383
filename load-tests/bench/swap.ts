/**
 * `npm run bench:swap`: how long an engine takes from its fork until it is warm, and how long a version takes from
 * the request to load it until it answers, while it is asked all the time. Medians; prints a table, asserts nothing.
 */
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { ModelInferRequest } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import { encodeBytesTensor } from '@headgate/contracts/tensor';
import { folderRepository } from '../../inference/src/models/folder-repository.ts';
import { type FrontProcess, startFront } from '../../inference/src/testing/front-process.ts';
import { writeLargeModel } from '../../inference/src/testing/large-model.ts';
import { engineOf } from '../../inference/src/testing/load-once.ts';
import { rawRequest } from '../../inference/src/testing/tensor-messages.ts';
import { ROOT } from '../../test/e2e/harness/stack.ts';
import { median } from '../../test/e2e/harness/stats.ts';
import { describeMachine } from './machine.ts';
import { table } from './markdown.ts';

const MIB = 2 ** 20;

interface Subject {
  readonly model: string;
  readonly version: string;
  readonly says: string;
  readonly request: ModelInferRequest;
}

interface Result {
  /** Fork to warm, in ms. */
  readonly coldMs: number;
  /** What of it the engine itself takes note of: digests, session, warm-up, golden samples. */
  readonly loadMs: number;
  /** Request to load until an answer of the new version, in ms. */
  readonly swapMs: number;
  /** Slowest answer meanwhile, in ms. */
  readonly slowestMs: number;
  readonly failed: number;
}

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, mib: { type: 'string', default: '1024' } },
});
const rounds = Number(values.rounds);
const largeMib = Number(values.mib);
if (!(rounds >= 1) || !(largeMib >= 2) || largeMib % 2 !== 0) {
  console.error('npm run bench:swap -- [--rounds 5] [--mib 1024]: a number of rounds, an even number of MiB');
  process.exit(2);
}

/** The versions that are measured, each beside another one of its model to swap with. */
function prepare({ models }: FrontProcess): Subject[] {
  const name = 'efficientnet-lite0';
  cpSync(join(ROOT, 'models', name), join(models, name), { recursive: true });
  for (const version of ['1', '2'])
    writeLargeModel(models, { name: 'large', version, bytes: largeMib * MIB });
  const photo: ModelInferRequest = {
    model_name: name,
    inputs: [{ name: 'image', datatype: 'BYTES', shape: [1] }],
    raw_input_contents: [encodeBytesTensor([readFileSync(join(ROOT, 'samples/chelsea.png'))])],
  };
  const index = { name: 'index', datatype: 'INT64', shape: [1], values: BigInt64Array.of(1n) };
  return [
    { model: name, version: '1', says: 'EfficientNet-Lite0, fp32', request: photo },
    { model: name, version: '2', says: 'EfficientNet-Lite0, int8', request: photo },
    {
      model: 'large',
      version: '2',
      says: `${largeMib} MiB of external data`,
      request: rawRequest('large', index),
    },
  ];
}

async function measureOnce(front: FrontProcess, subject: Subject): Promise<Result> {
  const { model, version } = subject;
  const opened = await folderRepository(front.models).open(model, version, new AbortController().signal);
  const startedMs = performance.now();
  const engine = await engineOf(opened);
  const coldMs = performance.now() - startedMs;
  engine.kill();
  await engine.ended;
  return { coldMs, loadMs: engine.report.loadMs, ...(await swap(front, subject)) };
}

/** From the other version to this one, while one caller asks without a pause. */
async function swap(front: FrontProcess, { model, version, request }: Subject) {
  await front.load(model, [version === '1' ? '2' : '1']);
  let slowestMs = 0;
  let failed = 0;
  let swapMs = Number.NaN;
  const startedMs = performance.now();
  const loaded = front.load(model, [version]);
  while (Number.isNaN(swapMs)) {
    const askedMs = performance.now();
    const answer = await front.infer(request).catch(() => undefined);
    if (!answer) failed += 1;
    slowestMs = Math.max(slowestMs, performance.now() - askedMs);
    if (answer?.model_version === version) swapMs = performance.now() - startedMs;
  }
  await loaded;
  return { swapMs, slowestMs, failed };
}

function rowOf({ says }: Subject, results: readonly Result[]): string[] {
  const ms = (read: (result: Result) => number) => `${median(results.map(read)).toFixed(0)} ms`;
  return [
    says,
    ms(({ coldMs }) => coldMs),
    ms(({ loadMs }) => loadMs),
    ms(({ swapMs }) => swapMs),
    ms(({ slowestMs }) => slowestMs),
    String(results.reduce((sum, { failed }) => sum + failed, 0)),
  ];
}

async function bench(): Promise<void> {
  const machine = describeMachine();
  const front = await startFront();
  try {
    const subjects = prepare(front);
    const results = new Map<Subject, Result[]>(subjects.map((subject) => [subject, []]));
    for (let round = 1; round <= rounds; round += 1) {
      for (const subject of subjects) results.get(subject)?.push(await measureOnce(front, subject));
      console.error(`round ${round}/${rounds}`);
    }
    const heads = ['model', 'engine: fork to warm', 'of it loading', 'swap', 'slowest answer', 'failed'];
    console.log(
      `${machine.cpu}, load average before ${machine.loadBefore.toFixed(2)}; medians of ${rounds}\n`,
    );
    console.log(table(heads, subjects.map((subject) => rowOf(subject, results.get(subject) ?? [])))); // biome-ignore format: one line
  } finally {
    await front.stop();
  }
}

await bench();
