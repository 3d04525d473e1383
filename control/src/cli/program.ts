import { printable } from '@headgate/runtime/printable';
import { Command } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { addAudit } from './audit/audit.ts';
import { addCaptures } from './captures/captures.ts';
import { addCertificate } from './certificate.ts';
import { addCompletion } from './completion/completion.ts';
import { addDoctor } from './doctor/doctor.ts';
import { EXIT, failureOf } from './errors.ts';
import { addExperiment } from './experiment/experiment.ts';
import { addKeys } from './keys/keys.ts';
import { addModels } from './models/models.ts';
import { addPredict } from './predict/predict.ts';
import { addRecords } from './records.ts';
import { addRollout } from './rollout/rollout.ts';
import { addRoute } from './route/route.ts';
import { addShadow } from './shadow.ts';
import { addSimulate } from './simulate.ts';
import { addStatus } from './status.ts';
import type { Surroundings } from './surroundings.ts';

/** In the order of the help: what is asked daily comes first. */
const COMMANDS = [
  addStatus,
  addPredict,
  addModels,
  addRoute,
  addRollout,
  addExperiment,
  addShadow,
  addRecords,
  addAudit,
  addDoctor,
  addSimulate,
  addKeys,
  addCaptures,
  addCertificate,
  addCompletion,
];

/** The `headgate` command line. A command is one file that adds itself to its parent. */
function createProgram(around: Surroundings): Command {
  const program = new Command('headgate')
    .description('Operates Headgate: what is live, who gets which version, rollouts, keys and records')
    .version(packageJson.version)
    .option('--json', 'print the result, or the error, as JSON')
    .option(
      '--env <name>',
      'configuration layer: dev, staging or production (default: HEADGATE_ENV, else dev)',
    )
    .configureHelp({ showGlobalOptions: true })
    .showSuggestionAfterError()
    .exitOverride()
    // Errors are printed below, in the form that was asked for.
    .configureOutput({ writeOut: around.out, writeErr: around.err, outputError: () => undefined });
  for (const add of COMMANDS) add(program, around);
  return program;
}

/**
 * Runs one command.
 *
 * @param argv without program and script
 * @returns the exit code
 */
export async function runCli(argv: readonly string[], around: Surroundings): Promise<number> {
  try {
    await createProgram(around).parseAsync([...argv], { from: 'user' });
    return 0;
  } catch (thrown) {
    const failure = failureOf(thrown);
    if (failure === null) return 0;
    const { code, message, remedy } = failure;
    if (argv.includes('--json'))
      around.err(`${printable(JSON.stringify({ error: { code, message, remedy } }))}\n`);
    else around.err(printable(`headgate: ${message}\n  ${remedy}\n`));
    return EXIT[code];
  }
}
