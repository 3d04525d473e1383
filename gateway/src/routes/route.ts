import type { Layer, RouteHandler } from '../context.ts';

/** Method, path, and the handlers in their order. */
export type Route = readonly [
  method: 'GET' | 'POST',
  path: string,
  handlers: readonly (Layer | RouteHandler)[],
];
