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

/** The scope of a request by its method and the pattern that its path matches; undefined: no route of ours. */
export type ScopeOf = (method: string, pattern: string) => RouteScope | undefined;

export function scopesOf(routes: readonly Route[]): ScopeOf {
  const scopes = new Map(routes.map(([method, path, scope]) => [`${method} ${path}`, scope ?? undefined]));
  return (method, pattern) => scopes.get(`${method === 'HEAD' ? 'GET' : method} ${pattern}`);
}
