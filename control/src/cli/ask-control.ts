import type { z } from 'zod';
import { CliError } from './errors.ts';
import type { Surroundings } from './surroundings.ts';

export interface Question<T> {
  readonly url: string;
  readonly answer: z.ZodType<T>;
  readonly withinMs: number;
  /** Sent as JSON; absent = a GET. */
  readonly body?: unknown;
}

/** Asks the process control, which alone can open the embedded database. @throws CliError failed */
export async function askControl<T>(
  { url, answer, withinMs, body }: Question<T>,
  { fetch }: Pick<Surroundings, 'fetch'>,
): Promise<T> {
  const failed = (cause: unknown) =>
    new CliError('failed', `control does not answer at ${new URL(url).host}`, {
      remedy: 'start the service: the embedded database lives in its process control',
      cause,
    });
  const init: RequestInit = { signal: AbortSignal.timeout(withinMs) };
  if (body !== undefined) {
    Object.assign(init, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  }
  const response = await fetch(url, init).catch((cause: unknown) => {
    throw failed(cause);
  });
  const parsed = answer.safeParse(response.ok ? await response.json() : undefined);
  if (!parsed.success) throw failed(parsed.error);
  return parsed.data;
}
