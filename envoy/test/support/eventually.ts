import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 20;
const LIMIT_MS = 15_000;

/** Asks again and again until `check` answers something truthy. Fails after 15 s, naming `what`. */
export async function eventually<T>(
  check: () => T | Promise<T>,
  what: string,
): Promise<Exclude<T, false | null | undefined>> {
  const end = performance.now() + LIMIT_MS;
  for (;;) {
    const value = await check();
    if (value) return value as Exclude<T, false | null | undefined>;
    if (performance.now() > end) throw new Error(`timed out: ${what}`);
    await delay(POLL_MS);
  }
}
