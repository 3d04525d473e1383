import type { Config } from '@headgate/contracts/config/schema';
import { adminSocket, isEnvoyReady } from '@headgate/envoy/admin';
import { printable } from '@headgate/runtime/printable';
import type { Bootstrapped } from '../setup/bootstrap.mjs';
import { curlFor, samplePhoto } from './announce.ts';
import { predictOnce } from './first-prediction.ts';
import { addressOf, reachable } from './listeners.ts';
import type { Plan } from './plan.ts';
import type { Service } from './ready-file.ts';
import { httpProbe, type Probe, waitUntilWarm } from './warm.ts';

/** Control listens within a second. Predictions go on without it, and so does the start. */
const CONTROL_WITHIN_MS = 10_000;
/** Added to the time that one engine may take. */
const MARGIN_MS = 30_000;

/**
 * Waits until everything is warm, sends one photo (in development, where it has a key), and prints addresses and an example call.
 *
 * @throws Error when something does not get warm, or the photo gets no label
 */
export async function becomeReady(
  plan: Plan,
  { signal, startedAtMs, ui: { say } }: Pick<Bootstrapped, 'signal' | 'startedAtMs' | 'ui'>,
): Promise<void> {
  const { config, service, root } = plan;
  const withinMs = config.inference.engine.start_timeout_ms + MARGIN_MS;
  const hasControl = answersSoon(plan, signal);
  await waitUntilWarm(probesOf(plan), { signal, withinMs });
  const photo = samplePhoto(root, service);
  const entry = isBehindBalancer(config) ? { ...service, https: null } : service;
  const answer = service.keys ? await firstAnswer(entry, service.keys.bench, photo) : undefined;
  const seconds = ((Date.now() - startedAtMs) / 1000).toFixed(1);
  say(
    answer ? `ready: first prediction ${seconds} s after the start (${answer})` : `ready after ${seconds} s`,
  );
  say(`  serves   ${service.https ?? service.gateway}`);
  say(`  docs     ${service.openapi.replace('/openapi.json', '/docs')}`);
  const logs = `state/logs/${config.listen.port_base}/`;
  say(`  console  ${(await hasControl) ? service.console : `does not answer yet: see ${logs}control.log`}`);
  say(`  logs     ${logs}`);
  say(`  try      ${curlFor(root, service, photo)}`);
  say('  Ctrl-C stops everything');
}

/** Envoy then refuses connections from here: the photo goes to the gateway. */
function isBehindBalancer({ envoy }: Config): boolean {
  return envoy.proxy_protocol === 'required' || envoy.balancers.length > 0;
}

async function firstAnswer(service: Service, key: string, photo: string): Promise<string> {
  const { label, score, model, version } = await predictOnce(service, key, photo);
  // Labels of a model must not control the terminal.
  return printable(`${label}, ${score.toFixed(2)}, ${model} version ${version}`);
}

function probesOf({ root, config, service, mode }: Plan): Probe[] {
  const probes = [httpProbe('gateway', service.health), httpProbe('inference', inferenceHealth(config))];
  if (mode === 'full') {
    const socket = adminSocket(config, root);
    probes.push({ name: 'envoy', check: (signal) => isEnvoyReady(socket, signal) });
  }
  return probes;
}

function answersSoon({ config }: Plan, signal: AbortSignal): Promise<boolean> {
  const check = async (signal: AbortSignal) => {
    const url = `http://${reachable(addressOf(config, 'control'))}/livez`;
    return (await fetch(url, { signal })).status === 204;
  };
  const warm = waitUntilWarm([{ name: 'control', check }], { signal, withinMs: CONTROL_WITHIN_MS });
  return warm.then(
    () => true,
    () => false,
  );
}

function inferenceHealth(config: Config): string {
  return `http://${reachable(addressOf(config, 'inferenceInternal'))}/readyz`;
}
