/**
 * `npm run bench`: what each stage of the path costs on this machine, against a bare loop. Measures, prints a
 * table, asserts nothing; `--out FILE` keeps the table.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStack } from '@headgate/testkit/stack';
import { measureGateway } from './gateway.ts';
import { describeMachine } from './machine.ts';
import { type BenchOptions, parseBenchOptions, USAGE } from './options.ts';
import { measurePath } from './path.ts';
import { type BenchResult, renderReport } from './report.ts';
import { onlyControl } from './routing.ts';
import { measureSaturated } from './saturated.ts';
import { timeStarts } from './startup.ts';

const startMs = performance.now();

/** One line with the time since the start. */
function progress(line: string): void {
  console.error(`${((performance.now() - startMs) / 1000).toFixed(0).padStart(4)} s  ${line}`);
}

async function bench(options: BenchOptions): Promise<BenchResult> {
  const machine = describeMachine();
  if (machine.loadBefore > 0.2)
    progress(`the machine is busy: load average ${machine.loadBefore.toFixed(2)}`);
  const dir = mkdtempSync(join(tmpdir(), 'headgate-bench-'));
  const routingFile = onlyControl(join(dir, 'routing.yaml'));
  const { rounds, stageMs } = options;
  const stackOptions = { env: { HEADGATE_ROUTING_FILE: routingFile } };
  const wants = (part: BenchOptions['parts'][number]) => options.parts.includes(part);
  try {
    progress('starting the whole stack');
    const stack = await startStack({ ...stackOptions, readyWithinMs: 1_800_000 });
    const { model, keys } = stack.ready;
    let path: BenchResult['path'];
    let saturated: BenchResult['saturated'];
    try {
      if (wants('path')) path = await measurePath({ stack, rounds, stageMs, progress });
      if (wants('saturated')) saturated = await measureSaturated(stack, stageMs);
    } finally {
      await stack.stop();
    }
    const key = keys.bench;
    const gateway = wants('gateway')
      ? await measureGateway({ rounds, stageMs, model, routingFile, key, progress })
      : undefined;
    const toFirstMs = wants('startup') ? await timeStarts(stackOptions, progress) : undefined;
    return {
      machine,
      rounds,
      stageMs,
      ...(path && { path }),
      ...(saturated && { saturated }),
      ...(gateway && { gateway }),
      ...(toFirstMs !== undefined && { startMs: toFirstMs }),
    };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function readOptions(): BenchOptions {
  try {
    return parseBenchOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`);
    process.exit(2);
  }
}

const options = readOptions();
const report = renderReport(await bench(options));
console.log(`\n${report}`);
if (options.out) writeFileSync(options.out, `# Benchmark\n\n${report}\n`);
