import type { Clock } from '@headgate/runtime/clock';
import type { AuditFact } from './chain.ts';
import type { AuditEntry } from './sink.ts';

/**
 * Calls without an identity that have a record each: so many at once, and then one a second. More than the mistakes of
 * an ordinary day, and at most 40 MB of records a day from strangers, however many requests they send.
 */
const OWN_RECORDS = { burst: 100, perSecond: 1 };

/** The others of this time share a record, in ms. */
const INTERVAL_MS = 5000;

/** Addresses that are told apart in one record, so that it is known whether one or many sent the calls. */
const MAX_ADDRESSES = 1000;

interface Counts {
  /** Monotonic time of its first call, or of the last attempt to write it. */
  sinceMs: number;
  calls: number;
  fromMs: number;
  toMs: number;
  readonly reasons: Map<string, number>;
  readonly addresses: Set<string>;
  moreAddresses: boolean;
}

export interface AnonymousOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Writes a record; fails when it is not kept. */
  readonly write: (fact: AuditFact) => Promise<unknown>;
}

export type Anonymous = ReturnType<typeof createAnonymous>;

/** Decides which calls without an identity have a record each, and counts the others for one that says that it counts. */
export function createAnonymous({ clock, write }: AnonymousOptions) {
  let left = OWN_RECORDS.burst;
  let leftAtMs = clock.monotonicMs();
  let counts: Counts | undefined;

  const mayHaveOwn = (): boolean => {
    const nowMs = clock.monotonicMs();
    left = Math.min(OWN_RECORDS.burst, left + ((nowMs - leftAtMs) / 1000) * OWN_RECORDS.perSecond);
    leftAtMs = nowMs;
    if (left < 1) return false;
    left -= 1;
    return true;
  };

  return {
    /** @returns whether the call is to have a record of its own; otherwise it is counted */
    takes(entry: AuditEntry): boolean {
      if (mayHaveOwn()) return true;
      counts ??= emptyCounts(clock.monotonicMs());
      add(counts, { calls: 1, fromMs: entry.atMs, toMs: entry.atMs });
      addReason(counts, entry.reason ?? 'none', 1);
      if (entry.address !== undefined) addAddress(counts, entry.address);
      return false;
    },
    /**
     * Writes what was counted, once its time is over. What cannot be written is counted on; never rejects.
     *
     * @param now also before its time is over
     * @returns what could not be written
     */
    async settle(now = false): Promise<AuditFact | undefined> {
      if (!counts || (!now && clock.monotonicMs() - counts.sinceMs < INTERVAL_MS)) return undefined;
      const taken = counts;
      counts = undefined;
      try {
        await write(factOf(taken));
        return undefined;
      } catch {
        counts = merged(taken, counts, clock.monotonicMs());
        return factOf(counts);
      }
    },
  };
}

function emptyCounts(sinceMs: number): Counts {
  const [fromMs, toMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  return { sinceMs, calls: 0, fromMs, toMs, reasons: new Map(), addresses: new Set(), moreAddresses: false };
}

function add(counts: Counts, { calls, fromMs, toMs }: Pick<Counts, 'calls' | 'fromMs' | 'toMs'>): void {
  counts.calls += calls;
  counts.fromMs = Math.min(counts.fromMs, fromMs);
  counts.toMs = Math.max(counts.toMs, toMs);
}

function addReason({ reasons }: Counts, reason: string, calls: number): void {
  reasons.set(reason, (reasons.get(reason) ?? 0) + calls);
}

function addAddress(counts: Counts, address: string): void {
  if (counts.addresses.has(address)) return;
  if (counts.addresses.size >= MAX_ADDRESSES) counts.moreAddresses = true;
  else counts.addresses.add(address);
}

function merged(taken: Counts, since: Counts | undefined, nowMs: number): Counts {
  taken.sinceMs = nowMs;
  if (!since) return taken;
  add(taken, since);
  for (const [reason, calls] of since.reasons) addReason(taken, reason, calls);
  for (const address of since.addresses) addAddress(taken, address);
  taken.moreAddresses ||= since.moreAddresses;
  return taken;
}

function factOf({ calls, fromMs, toMs, reasons, addresses, moreAddresses }: Counts): AuditFact {
  return {
    type: 'aggregate',
    of: 'calls without an identity',
    calls,
    from_ms: fromMs,
    to_ms: toMs,
    reasons: Object.fromEntries([...reasons].sort()),
    addresses: addresses.size,
    more_addresses: moreAddresses,
  };
}
