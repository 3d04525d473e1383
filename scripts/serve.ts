import { join, resolve } from 'node:path';
import type { Config } from '@headgate/contracts/config';
import { ConfigError, loadConfig } from '@headgate/contracts/config/load';
import { isEnvoyReady } from '@headgate/envoy/process';
import { curlFor, describeCrash, samplePhoto } from './serve/announce.ts';
import { componentsOf } from './serve/components.ts';
import { letEnvoyFinish, writeEnvoyConfig } from './serve/envoy.ts';
import { predictOnce } from './serve/first-prediction.ts';
import { addressesOf, addressOf, findTaken, reachable } from './serve/listeners.ts';
import { boundLogs } from './serve/log-file.ts';
import type { StartOptions } from './serve/options.mjs';
import { describeService, removeReadyFile, type Service, writeReadyFile } from './serve/ready-file.ts';
import { createStack, type Stack, StackError } from './serve/stack.ts';
import { httpProbe, type Probe, waitUntilWarm } from './serve/warm.ts';
import type { Bootstrapped } from './setup/bootstrap.mjs';
import { readDevKeys } from './setup/keys.ts';
import type { Mode } from './setup/mode.ts';
import { defaultModelOf, FALLBACK_ROUTING_FILE, seedRouting } from './setup/routing.ts';
import { setup } from './setup/setup.ts';

type Env = Readonly<Record<string, string | undefined>>;

export interface ServeOptions extends StartOptions {
  readonly env: Env;
}

/** What is fixed before the first process starts. */
interface Plan {
  readonly root: string;
  readonly mode: Mode;
  readonly config: Config;
  readonly routingFile: string;
  readonly service: Service;
}

/** Beyond the time that one engine may take, for everything around it. */
const WARM_MARGIN_MS = 30_000;

/**
 * Sets up, starts everything, tells when it is warm, and stays until somebody asks it to stop.
 *
 * @returns exit code: 0 stopped as asked, 1 failure, 2 configuration error, 3 a port is taken
 */
export async function serve(context: Bootstrapped, options: ServeOptions): Promise<number> {
  try {
    const { mode } = await setup(context, {
      fallback: options.fallback,
      python: options.env.HEADGATE_PYTHON,
    });
    const plan = makePlan(context.root, mode, options);
    const taken = await findTaken(addressesOf(plan.config, mode));
    if (taken !== undefined) {
      const remedy = 'stop what holds it, or choose others with: npm start -- --port-base N';
      throw new StackError(`port ${taken.port} (${taken.listener}) on ${taken.host} is taken; ${remedy}`, 3);
    }
    await run(context, plan, options);
    return 0;
  } catch (error) {
    if (!(error instanceof StackError || error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return error instanceof StackError ? error.exitCode : 2;
  }
}

function makePlan(root: string, mode: Mode, { env, portBase }: ServeOptions): Plan {
  const config = loadConfig({
    dir: env.HEADGATE_CONFIG_DIR ?? join(root, 'config'),
    environment: env.HEADGATE_ENV ?? 'dev',
    env: portBase === undefined ? env : { ...env, HEADGATE_LISTEN__PORT_BASE: String(portBase) },
  });
  const fallbackFile = env.HEADGATE_ROUTING_FILE ?? FALLBACK_ROUTING_FILE;
  const routingFile = mode === 'full' ? config.routing_file : fallbackFile;
  seedRouting(root, mode, routingFile);
  const keys = readDevKeys(root);
  const service = describeService(config, { root, mode, keys, model: defaultModelOf(root, routingFile) });
  return { root, mode, config, routingFile, service };
}

async function run(context: Bootstrapped, plan: Plan, options: ServeOptions): Promise<void> {
  const { signal, force, guard, ui } = context;
  const { root, mode, config, routingFile, service } = plan;
  const envoyConfig = mode === 'full' ? writeEnvoyConfig(config, root) : '';
  const specs = componentsOf(config, { root, mode, envoyConfig, routingFile, env: options.env });
  const publish = () => writeReady(options.readyFile, service, stack);
  const stack = createStack(specs, {
    guard,
    onCrash: (crash) => ui.say(describeCrash(crash)),
    onRestart: (name) => {
      ui.say(`${name} is started again`);
      if (ready) publish();
    },
  });
  let ready = false;
  if (options.readyFile !== undefined) removeReadyFile(options.readyFile);
  boundLogs(
    specs.map((spec) => spec.logFile),
    signal,
  );
  stack.start();
  try {
    await Promise.race([becomeReady(context, plan), stack.failed]);
    stack.settled();
    ready = true;
    publish();
    await aborted(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    if (options.readyFile !== undefined) removeReadyFile(options.readyFile);
    if (signal.aborted) ui.say(`stopping (${signal.reason})`);
    await stack.stop({
      force,
      beforeEach: async (name) => {
        if (name === 'envoy') await letEnvoyFinish(config, force);
      },
    });
  }
}

/** Waits for all probes, lets one photo through, and prints what a person needs. */
async function becomeReady(
  { root, signal, ui }: Bootstrapped,
  { config, service, mode }: Plan,
): Promise<void> {
  const withinMs = config.inference.engine.start_timeout_ms + WARM_MARGIN_MS;
  await waitUntilWarm(probesOf(config, service, mode), { signal, withinMs });
  const photo = samplePhoto(root, service);
  const first = await predictOnce(service, photo);
  const seconds = (performance.now() / 1000).toFixed(1);
  ui.say(
    [
      `ready: first prediction ${seconds} s after the start (${first.label}, ${first.score.toFixed(2)}, ${first.model} version ${first.version})`,
      `  serves   ${service.https ?? service.gateway}`,
      `  docs     ${service.openapi.replace('/openapi.json', '/docs')}`,
      `  logs     state/logs/${config.listen.port_base}/`,
      `  try      ${curlFor(service, photo)}`,
      '  Ctrl-C stops everything',
    ].join('\n'),
  );
}

function probesOf(config: Config, service: Service, mode: Mode): Probe[] {
  const gateway = httpProbe('gateway', service.health);
  const inference = httpProbe(
    'inference',
    `http://${reachable(addressOf(config, 'inferenceInternal'))}/readyz`,
  );
  const envoy: Probe = { name: 'envoy', check: (signal) => isEnvoyReady(config, signal) };
  return mode === 'full' ? [inference, gateway, envoy] : [inference, gateway];
}

function writeReady(path: string | undefined, service: Service, stack: Stack): void {
  if (path === undefined) return;
  const pids = {
    gateway: stack.pid('gateway'),
    inference: stack.pid('inference'),
    envoy: stack.pid('envoy'),
  };
  writeReadyFile(resolve(path), { ...service, pids });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
