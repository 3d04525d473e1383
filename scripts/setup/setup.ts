import { buildStep } from './build-step.ts';
import { certificatesStep } from './certificates-step.ts';
import { internalSecretStep } from './internal-secret.ts';
import { keysStep } from './keys.ts';
import { FallbackNeeded, type Mode } from './mode.ts';
import { modelsStep } from './models.ts';
import { pythonStep } from './python.ts';
import { type RunnerContext, runSteps, type Step, StepError } from './runner.mjs';

export interface SetupResult {
  readonly mode: Mode;
  /** Names of the steps that ran. */
  readonly ran: readonly string[];
}

export interface SetupOptions {
  /** Use the fallback even if Python is available. */
  readonly fallback: boolean;
  /** HEADGATE_ENV: only development gets keys, and production neither an authority nor a secret of its own machine. */
  readonly environment?: string | undefined;
  /** HEADGATE_PYTHON. */
  readonly python?: string | undefined;
}

/**
 * Creates what the service needs and does not exist yet, except npm packages.
 *
 * @throws StepError
 */
export async function setup(context: RunnerContext, options: SetupOptions): Promise<SetupResult> {
  const run = (steps: readonly Step[]) => runSteps(steps, context);
  const steps = stepsFor(options.environment);
  const ran = await run(steps.common);
  const mode = options.fallback ? 'fallback' : await chooseMode(context, options, ran);
  ran.push(...(await run(mode === 'full' ? steps.full : [])));
  return { mode, ran };
}

/** What both modes need, and what the full one needs further. */
export function stepsFor(environment = 'dev'): {
  readonly common: readonly Step[];
  readonly full: readonly Step[];
} {
  if (environment === 'production') return { common: [buildStep], full: [modelsStep] };
  const keys = environment === 'dev' ? [keysStep] : [];
  return { common: [buildStep, ...keys, internalSecretStep], full: [certificatesStep, modelsStep] };
}

/** Full if the Python packages are in place or can be installed. */
async function chooseMode(
  context: RunnerContext,
  { python, environment = 'dev' }: SetupOptions,
  ran: string[],
): Promise<Mode> {
  try {
    ran.push(...(await runSteps([pythonStep(python)], context)));
    return 'full';
  } catch (error) {
    const mayFallBack = environment === 'dev' && error instanceof StepError;
    if (!(mayFallBack && error.cause instanceof FallbackNeeded)) throw error;
    const { message, howTo } = error.cause;
    context.ui.say(`  fallback without TLS and big models, because ${message}`);
    context.ui.say(`  for the whole: ${howTo}`);
    return 'fallback';
  }
}
