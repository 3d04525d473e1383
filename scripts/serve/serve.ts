import type { Config } from '@headgate/contracts/config/schema';
import { letEnvoyFinish } from '@headgate/envoy/drain';
import { ConfigError } from '@headgate/runtime/load-config';
import { PARTS, warningsFor } from '@headgate/runtime/production/requirements';
import type { Bootstrapped } from '../setup/bootstrap.mjs';
import { setup } from '../setup/setup.ts';
import { describeCrash } from './announce.ts';
import { becomeReady } from './become-ready.ts';
import { addressesOf, findTaken } from './listeners.ts';
import { boundLogs } from './log-file.ts';
import type { StartOptions } from './options.mjs';
import { configFor, type Env, makePlan, type Plan, specsOf } from './plan.ts';
import { removeReadyFile, writeReadyFile } from './ready-file.ts';
import { createStack, type Stack, StackError } from './stack.ts';

export interface ServeOptions extends StartOptions {
  readonly env: Env;
}

/**
 * Sets up, starts everything, reports when it is warm, and runs until asked to stop.
 *
 * @returns exit code: 0 stopped as asked, 1 failure, 2 configuration error, 3 a port is taken
 */
export async function serve(context: Bootstrapped, options: ServeOptions): Promise<number> {
  try {
    const { env, fallback } = options;
    const config = configFor(context.root, env, options);
    for (const warning of PARTS.flatMap((part) => warningsFor(config, part)))
      context.ui.say(`warning: ${warning}`);
    const { environment } = config;
    const { mode } = await setup(context, { fallback, environment, python: env.HEADGATE_PYTHON });
    const plan = makePlan(context.root, mode, env, config);
    await refuseTakenPorts(plan);
    await run(context, plan, options);
    return 0;
  } catch (error) {
    if (!(error instanceof StackError || error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return error instanceof StackError ? error.exitCode : 2;
  }
}

async function refuseTakenPorts({ config, mode }: Plan): Promise<void> {
  const taken = await findTaken(addressesOf(config, mode));
  if (taken === undefined) return;
  const remedy = 'stop what holds it, or choose others with: npm start -- --port-base N';
  throw new StackError(`port ${taken.port} (${taken.listener}) on ${taken.host} is taken; ${remedy}`, 3);
}

async function run(context: Bootstrapped, plan: Plan, { env, readyFile }: ServeOptions): Promise<void> {
  const { guard, signal, ui } = context;
  const specs = specsOf(plan, env);
  let ready = false;
  const publish = () => {
    if (ready && readyFile !== undefined) writeReadyFile(readyFile, { ...plan.service, pids: stack.pids() });
  };
  const stack = createStack(specs, {
    guard,
    onCrash: (crash) => ui.say(describeCrash(crash)),
    onRestart: (name) => {
      ui.say(`${name} is started again`);
      publish();
    },
  });
  if (readyFile !== undefined) removeReadyFile(readyFile);
  boundLogs(specs, signal);
  stack.start();
  try {
    await stayUp(context, plan, stack, () => {
      ready = true;
      publish();
    });
  } finally {
    if (readyFile !== undefined) removeReadyFile(readyFile);
    await stopInOrder(context, plan.config, stack);
  }
}

/**
 * Returns when asked to stop.
 *
 * @throws StackError when the service does not get ready
 */
async function stayUp(context: Bootstrapped, plan: Plan, stack: Stack, onReady: () => void): Promise<void> {
  const { signal } = context;
  try {
    await Promise.race([becomeReady(plan, context), stack.failed]);
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof StackError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new StackError(`${message}\n${stack.lastWords()}`, 1, { cause: error });
  }
  stack.settled();
  onReady();
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Envoy refuses new requests and finishes the accepted ones; then the gateway ends, then inference. */
async function stopInOrder(
  { root, signal, force, ui }: Bootstrapped,
  config: Config,
  stack: Stack,
): Promise<void> {
  if (signal.aborted) ui.say(`stopping (${signal.reason})`);
  await stack.stop({
    force,
    beforeEach: async (name) => {
      if (name === 'envoy') await letEnvoyFinish(config, root, force);
    },
  });
}
