import type { RouteScope } from '@headgate/contracts/keys';
import type { Layer, RouteHandler } from '../context.ts';

/**
 * Method, path, what a credential must be allowed to (null: no identity is needed), and the handlers in their order.
 */
export type Route = readonly [
  method: 'GET' | 'POST',
  path: string,
  scope: RouteScope | null,
  handlers: readonly (Layer | RouteHandler)[],
];
