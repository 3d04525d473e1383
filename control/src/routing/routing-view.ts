import type { RoutingVersionView, RoutingView } from '@headgate/contracts/admin/api';
import type { RoutingEdition } from './routing-source.ts';
import type { RoutingSnapshot } from './routing-store.ts';

export function routingView(snapshot: RoutingSnapshot): RoutingView {
  const { source, refused, inForce, routing } = snapshot;
  return { ...versionView(snapshot), source, refused, in_force: versionView(inForce), routing };
}

const versionView = ({ revision, changedAtMs, changedBy }: RoutingEdition): RoutingVersionView => ({
  revision,
  changed_at_ms: changedAtMs,
  changed_by: changedBy,
});
