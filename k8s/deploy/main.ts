/**
 * `npm run deploy -- --env staging` and `npm run undeploy`: Headgate in a Kubernetes cluster, by one command (docs/deploy.md).
 * Exit codes: 0 done, 1 failed and undone, 2 wrong options or values, 3 something is missing or another deployment runs,
 * 4 deployed and not verified, 130 after Ctrl-C.
 */
import { join } from 'node:path';
import { operatorTools } from '../../scripts/setup/cluster-tools.ts';
import { createGuard } from '../../scripts/setup/guard.mjs';
import { exitCodeOf, stopRequests } from '../../scripts/setup/lifecycle.mjs';
import { createUi } from '../../scripts/setup/ui.mjs';
import { ProgramError } from '../run-program.ts';
import { deploy } from './deploy.ts';
import { DeployError } from './errors.ts';
import { parseOptions, USAGE } from './options.ts';
import { Programs } from './programs.ts';
import type { Run } from './run.ts';
import { undeploy } from './undeploy.ts';

const ROOT = join(import.meta.dirname, '../..');

process.exitCode = await main();
// Handles of libraries must not keep a finished program alive.
process.exit();

async function main(): Promise<number> {
  const { stop: signal } = stopRequests();
  const guard = createGuard();
  const ui = createUi(process.stdout);
  const started = performance.now();
  const took = () => `${((performance.now() - started) / 1000).toFixed(1)} s`;
  try {
    const options = parseOptions(process.argv.slice(2));
    if (options.help) {
      ui.say(USAGE);
      return 0;
    }
    const { namespace, context } = options;
    const programs = new Programs({
      tools: await operatorTools({ guard, signal }),
      guard,
      signal,
      context,
      namespace,
    });
    const run: Run = { root: ROOT, options, programs, signal, ui };
    await (options.command === 'deploy' ? deploy(run) : undeploy(run));
    ui.say(`done in ${took()}`);
    return 0;
  } catch (error) {
    if (signal.aborted) {
      process.stderr.write('stopped; what was made stays, and the next run goes on from there\n');
      return exitCodeOf(signal.reason);
    }
    if (error instanceof ProgramError) {
      process.stderr.write(`\n${error.message}\n`);
      return 1;
    }
    if (!(error instanceof DeployError)) {
      process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
      return 1;
    }
    process.stderr.write(`\n${error.message}\n  → ${error.remedy}\n`);
    return error.exitCode;
  } finally {
    await guard.close();
  }
}
