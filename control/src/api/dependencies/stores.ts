import type { RegistryState } from '@headgate/contracts/admin/api';
import type { Queryable } from '@headgate/stores/postgres/database';
import type { RoutingStore } from '../../routing/routing-store.ts';
import { AdminError } from '../api-env.ts';
import { type Check, degraded, down, off, ok } from './check.ts';

/**
 * A database answers the smallest question.
 *
 * @param db undefined where this process cannot ask it: control alone can
 * @param kept where the configuration puts what is in it
 */
export function database(name: string, db: Queryable | undefined, kept: string): Check {
  return {
    name,
    remedy:
      'check that it runs and that control reaches it; docs/records.md and docs/audit.md say what works without it',
    async find() {
      if (kept === 'none') return off('none is configured');
      if (!db) return degraded('unknown, because control does not answer', 'see what is said of control');
      await db.query('SELECT 1', []);
      return ok(kept === 'postgres' ? 'PostgreSQL answers' : 'the embedded database answers');
    },
  };
}

/**
 * MLflow, as control read it last. Without it everything that is served stays, so that it is never down.
 *
 * @param state undefined where this process does not follow it: control alone does
 * @param url where the configuration puts it
 */
export function modelRegistry(state: (() => RegistryState) | undefined, url: string): Check {
  const remedy =
    'check that MLflow runs at registry.url; what is served stays, nothing can be approved until it answers';
  return {
    name: 'model registry',
    remedy,
    find() {
      if (url === '') return off('none is configured');
      if (!state) return degraded('unknown, because control does not answer', 'see what is said of control');
      const current = state();
      return current.state === 'ok' ? ok('MLflow answers') : degraded(current.detail, remedy);
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
