import type { RoutingSourceView, RoutingVersionView, RoutingView } from '@headgate/contracts/admin/api';
import type { RoutingEdition } from './routing-source.ts';
import type { RoutingSnapshot } from './routing-store.ts';

export function routingView(snapshot: RoutingSnapshot): RoutingView {
  return { ...routingSourceView(snapshot), routing: snapshot.routing };
}

export function routingSourceView(snapshot: Omit<RoutingSnapshot, 'routing'>): RoutingSourceView {
  const { source, refused, inForce } = snapshot;
  return { ...versionView(snapshot), source, refused, in_force: versionView(inForce) };
}

const versionView = ({ revision, changedAtMs, changedBy }: RoutingEdition): RoutingVersionView => ({
  revision,
  changed_at_ms: changedAtMs,
  changed_by: changedBy,
});
