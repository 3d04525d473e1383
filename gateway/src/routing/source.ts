import type { Routing } from '@headgate/contracts/routing';

/** The live routing table. Two reads in one request may see two generations: read once, keep it. */
export interface RoutingSource {
  /** The last good table. */
  current(): Routing;
}
