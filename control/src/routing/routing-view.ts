import type { RoutingSourceView, RoutingView } from '@headgate/contracts/admin/api';
import type { RoutingSnapshot } from './routing-store.ts';

export function routingView(snapshot: RoutingSnapshot): RoutingView {
  return { ...routingSourceView(snapshot), routing: snapshot.routing };
}

export function routingSourceView(snapshot: Omit<RoutingSnapshot, 'routing'>): RoutingSourceView {
  const { source, revision, changedAtMs, changedBy, refused } = snapshot;
  return { source, revision, changed_at_ms: changedAtMs, changed_by: changedBy, refused };
}
