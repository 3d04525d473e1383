import { createPolicy, type Policy, type PolicyOptions } from '@headgate/runtime/resilience/policy';
import { RecordsRefusedError } from '@headgate/stores/records/sink';

/**
 * How this process calls the place where records end up, PostgreSQL or control. One for all who deliver: what one of
 * them finds out, the others need not try. A record that the store refuses says nothing about its health.
 */
export function databasePolicy(options: Omit<PolicyOptions, 'dependency' | 'isFailure'>): Policy {
  const isFailure = (error: unknown) => !(error instanceof RecordsRefusedError);
  return createPolicy({ dependency: 'database', isFailure, ...options });
}
