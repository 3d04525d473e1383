import type { InferenceConfig } from '@headgate/contracts/config/schema';
import { LoadError } from '../load-error.ts';
import type { ProbeResult, Provider } from './protocol.ts';

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
