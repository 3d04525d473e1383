import type { RouteGroup } from '../rate-limit/quotas.ts';

/** The quota group of a request; by its path alone, so that no route can be forgotten. */
export function groupOf(method: string, path: string): RouteGroup {
  if (method !== 'POST') return 'all';
  const predictLike = path.startsWith('/v2/') ? path.endsWith('/infer') : path.endsWith('/predict');
  return predictLike ? 'predict' : 'all';
}
