import { daysWithoutKey, PURPOSES } from '@headgate/journal/audit/pseudonyms';
import type { ChainResult } from '@headgate/journal/audit/verify';
import { DAY_MS } from '@headgate/runtime/clock';

export interface NameKeys {
  /** Keys of the names in the logs. */
  readonly dir: string;
  readonly addressDays: number;
  readonly credentialDays: number;
}

/**
 * Days whose names nobody can look up, though their keys are within their retention and no log says that they were
 * destroyed. A process makes a key of every kind for each of its days.
 */
export async function lostNames(
  logs: readonly Pick<ChainResult, 'days' | 'forgotten'>[],
  { dir, addressDays, credentialDays }: NameKeys,
  nowMs: number,
): Promise<string[]> {
  const found: string[] = [];
  for (const purpose of PURPOSES) {
    const forgottenMs = Math.max(0, ...logs.map(({ forgotten }) => forgotten.get(purpose) ?? 0));
    const keptDays = purpose === 'address' ? addressDays : credentialDays;
    // The keys of the next day are destroyed too.
    const from = Math.max(nowMs - keptDays * DAY_MS, forgottenMs + DAY_MS) / DAY_MS;
    const days = new Set(
      logs.flatMap((log) => [...log.days]).filter((day) => day >= from && day * DAY_MS <= nowMs),
    );
    const lost = (await daysWithoutKey(purpose, days, dir)).map((day) => dayOf(day));
    if (lost.length > 0)
      found.push(`names (${purpose}) of ${lost.join(', ')}: their keys are gone before their time`);
  }
  return found;
}

const dayOf = (day: number) => new Date(day * DAY_MS).toISOString().slice(0, 10);
