import type { Queryable } from '@headgate/stores/postgres/database';
import type { RoutingStore } from '../../routing/routing-store.ts';
import { AdminError } from '../api-env.ts';
import { type Check, degraded, down, off, ok, starting } from './check.ts';

/** The embedded database opens with the first question, which takes seconds on a busy machine. */
const OPENING_MS = 60_000;

/** A database answers the smallest question. */
export function database(
  name: string,
  db: Queryable | undefined,
  { where, nowMs }: { readonly where: string; readonly nowMs: () => number },
): Check {
  let firstAskedMs: number | undefined;
  let hasAnswered = false;
  const isOpening = () => !hasAnswered && nowMs() - (firstAskedMs ?? 0) < OPENING_MS;
  return {
    name,
    remedy:
      'check that it runs and that control reaches it; docs/records.md and docs/audit.md say what works without it',
    late: () => (isOpening() ? starting('opens', 'ask again in a few seconds') : undefined),
    async find() {
      if (!db) return off('not connected to it');
      firstAskedMs ??= nowMs();
      await db.query('SELECT 1', []);
      hasAnswered = true;
      return ok(where);
    },
  };
}

/** The table that control reads, and gateways that did not take it. */
export function routingSource(
  routing: Pick<RoutingStore, 'current'>,
  staleGateways: () => Promise<number>,
): Check {
  const remedy = 'correct the table, or write it again on the page Weights; the last good one is in force';
  return {
    name: 'routing table',
    remedy,
    async find() {
      try {
        const { source, revision, refused } = routing.current();
        if (refused.length > 0) return degraded(`the newest one is refused: ${refused.join('; ')}`, remedy);
        const stale = await staleGateways();
        if (stale > 0) return degraded(`${stale} gateways did not take revision ${revision}`, remedy);
        return ok(`${source === 'file' ? 'file' : 'ConfigMap'}, revision ${revision}`);
      } catch (error) {
        if (error instanceof AdminError) return down(error.detail, remedy);
        throw error;
      }
    },
  };
}
