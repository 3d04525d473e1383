import type { RouteScope } from '@headgate/contracts/keys';
import type { Layer, RouteHandler } from '../context.ts';

/**
 * Method, path, scope and the handlers in their order. The scope says what a credential must be allowed to, and whose
 * quotas are charged; null: no identity is needed.
 */
export type Route = readonly [
  method: 'GET' | 'POST',
  path: string,
  scope: RouteScope | null,
  handlers: readonly (Layer | RouteHandler)[],
];

/** Scope of a request by its method and the pattern that its path matches. Where there is no route: `read`, or none for POST. */
export type ScopeOf = (method: string, pattern: string) => RouteScope | undefined;

export function scopesOf(routes: readonly Route[]): ScopeOf {
  const scopes = new Map(routes.map(([method, path, scope]) => [`${method} ${path}`, scope ?? undefined]));
  return (method, pattern) =>
    scopes.get(`${method === 'HEAD' ? 'GET' : method} ${pattern}`) ??
    // Requests for what does not exist cost as much as those that read.
    (method === 'POST' ? undefined : 'read');
}
