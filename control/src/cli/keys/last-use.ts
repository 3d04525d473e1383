import { METRIC } from '@headgate/contracts/names';
import { instant } from './duration.ts';

/** Time of the last accepted request by each secret; null: none since the gateways started; or nobody could be asked. */
export interface LastUse {
  readonly current: string | null | 'unknown';
  readonly previous: string | null | 'unknown';
}

const TIMEOUT_MS = 3000;
const MAX_BYTES = 64 * 2 ** 20;
const SAMPLE = new RegExp(
  `^${METRIC.keyLastUsed}\\{key_id="([a-z0-9]{4,32})",secret="(current|previous)"\\} ([0-9.e+]+)$`,
  'gm',
);

/**
 * Asks the gateways when each key was last used. The newest time counts; when one of them does not answer, keys that
 * the others have not seen are `unknown`, because that one may have.
 */
export async function lastUses(urls: readonly string[], fetch: typeof globalThis.fetch) {
  const answers = await Promise.all(urls.map((url) => metricsText(url, fetch)));
  const complete = answers.every((text) => text !== undefined);
  const newest = new Map<string, number>();
  for (const [, id, secret, seconds] of answers.flatMap((text) => [...(text ?? '').matchAll(SAMPLE)])) {
    const key = `${id}/${secret}`;
    newest.set(key, Math.max(newest.get(key) ?? 0, Number(seconds)));
  }
  const of = (key: string) => {
    const seconds = newest.get(key);
    if (seconds !== undefined) return instant(seconds * 1000);
    return complete ? null : 'unknown';
  };
  return (id: string): LastUse => ({ current: of(`${id}/current`), previous: of(`${id}/previous`) });
}

async function metricsText(url: string, fetch: typeof globalThis.fetch): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'error' });
    if (!response.ok || Number(response.headers.get('content-length')) > MAX_BYTES) return undefined;
    return await response.text();
  } catch {
    return undefined;
  }
}
