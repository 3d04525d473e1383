import { fork } from 'node:child_process';
import type { InferenceConfig } from '@headgate/contracts/config/schema';
import { LoadError } from '../../load-error.ts';
import { createOutbox } from '../channel.ts';
import type { FromEngine, ProbeResult, Provider, ToEngine } from '../protocol.ts';
import { NO_TELEMETRY } from './process.ts';

type Execution = Pick<InferenceConfig['execution'], 'providers' | 'require'>;

/**
 * The execution provider for all engines: the first configured one that works here. CPU always works.
 *
 * @param probe tries a provider in a process of its own, since a missing library may crash it
 * @throws LoadError when the required provider is not the one in use
 */
export async function chooseProvider(
  { providers, require }: Execution,
  probe: (provider: Provider) => Promise<ProbeResult>,
): Promise<Provider> {
  const reasons: string[] = [];
  for (const provider of providers) {
    const result: ProbeResult = provider === 'cpu' ? { ok: true } : await probe(provider);
    if (!result.ok) {
      reasons.push(`${provider}: ${result.reason}`);
      continue;
    }
    if (require === 'none' || require === provider) return provider;
    break;
  }
  const why = reasons.length > 0 ? reasons.join('; ') : `providers lists ${providers.join(', ')}`;
  if (require === 'none')
    throw new LoadError(`none of the configured execution providers works here (${why})`);
  throw new LoadError(
    `inference.execution.require is ${require}, but it cannot be used here (${why}); ` +
      'install what is missing, or set inference.execution.require to none',
  );
}

/** Tries a provider on each device, one after the other. @returns the first failure, with its device, or success */
export async function probeDevices(
  devices: readonly number[],
  probe: (device: number) => Promise<ProbeResult>,
): Promise<ProbeResult> {
  for (const device of devices) {
    const result = await probe(device);
    if (!result.ok) return { ok: false, reason: `device ${device}: ${result.reason}` };
  }
  return { ok: true };
}

/** Loading the CUDA libraries for the first time takes seconds. */
const PROBE_TIMEOUT_MS = 60_000;

/**
 * Tries a provider in a throwaway process. Never rejects.
 *
 * @param entry module that runs an engine process
 */
export function probeProvider(entry: URL, provider: Provider, deviceId: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const child = fork(entry, [], {
      env: { ...process.env, ...NO_TELEMETRY },
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const settle = (result: ProbeResult) => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      resolve(result);
    };
    const timer = setTimeout(() => settle({ ok: false, reason: 'the probe did not end' }), PROBE_TIMEOUT_MS);
    child.once('message', ([message]: [FromEngine]) => {
      if (message.type === 'probed') settle(message.result);
    });
    child.once('exit', (code, signal) =>
      settle({ ok: false, reason: `the probe crashed (${signal ?? `exit code ${code}`})` }),
    );
    child.once('error', ({ message }) => settle({ ok: false, reason: message }));
    createOutbox<ToEngine>(child).send({ type: 'probe', provider, deviceId });
  });
}
