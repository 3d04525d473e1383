import type { Policy } from '@headgate/runtime/resilience/policy';
import type { Queryable } from '../records/database.ts';

/**
 * A database whose statements are called through a policy: at once refused while its breaker is open. They must bear
 * to be run again. Its owner closes it.
 */
export function guarded(db: Queryable, policy: Pick<Policy, 'run'>): Queryable {
  return {
    query: (sql, values) => policy.run(() => db.query(sql, values)),
    script: (sql) => policy.run(() => db.script(sql)),
  };
}
