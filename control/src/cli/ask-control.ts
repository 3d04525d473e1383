import { internalAddress } from '@headgate/contracts/names';
import { readInternalSecret } from '@headgate/runtime/internal-secret';
import type { z } from 'zod';
import { CliError } from './errors.ts';
import type { Installation, Surroundings } from './surroundings.ts';

export interface Question<T> {
  readonly path: '/internal/audit' | '/internal/judged';
  readonly answer: z.ZodType<T>;
  readonly withinMs: number;
  /** Sent as JSON; absent = a GET. */
  readonly body?: unknown;
}

/** Asks the process control, which alone can open the embedded database. @throws CliError failed, ConfigError */
export async function askControl<T>(
  { path, answer, withinMs, body }: Question<T>,
  { root, config: { listen, records } }: Installation,
  { fetch }: Pick<Surroundings, 'fetch'>,
): Promise<T> {
  const host = records.control_target || internalAddress(listen, 'control');
  const failed = (cause: unknown) =>
    new CliError('failed', `control does not answer at ${host}`, {
      remedy: 'start the service: the embedded database lives in its process control',
      cause,
    });
  const response = await fetch(`http://${host}${path}`, {
    signal: AbortSignal.timeout(withinMs),
    redirect: 'error',
    headers: { ...readInternalSecret(listen, root)?.header, 'content-type': 'application/json' },
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
  }).catch((cause: unknown) => {
    throw failed(cause);
  });
  if (response.status === 401) {
    throw new CliError('failed', `control at ${host} does not accept the internal secret of this machine`, {
      remedy: 'give listen.internal_secret_file the text that control reads',
    });
  }
  const parsed = answer.safeParse(response.ok ? await response.json().catch(() => undefined) : undefined);
  if (!parsed.success) throw failed(parsed.error);
  return parsed.data;
}
