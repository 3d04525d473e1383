import type { RouteScope } from '@headgate/contracts/keys';

/**
 * The scope whose quotas a request is charged to; undefined where none of ours is near. By method and path alone,
 * because quotas are charged before a route is matched, and so that what does not exist costs as much.
 */
export function routeScopeOf(method: string, path: string): RouteScope | undefined {
  if (path.startsWith('/v2/repository/')) return 'operate';
  const isOpenInference = path.startsWith('/v2/');
  if (method === 'POST') {
    if (path === '/v1/feedback') return 'feedback';
    return path.endsWith(isOpenInference ? '/infer' : '/predict') ? 'predict' : undefined;
  }
  return isOpenInference && path.endsWith('/stats') ? 'operate' : 'read';
}
