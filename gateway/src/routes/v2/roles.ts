import { HeadgateError } from '@headgate/contracts/errors';
import type { Layer } from '../../context.ts';

/** Stops callers that may not see what others send and what the machines do. */
export function mayReadOperations(): Layer {
  return async function mayReadOperations(c, next) {
    const role = c.get('identity')?.role;
    if (role === 'tester' || role === 'admin') return next();
    throw new HeadgateError('scope_missing', 'This takes a key with the role tester or admin.');
  };
}

/** Stops callers that may not decide what is served. */
export function mayControlModels(): Layer {
  return async function mayControlModels(c, next) {
    if (c.get('identity')?.role === 'admin') return next();
    throw new HeadgateError('scope_missing', 'Loading and unloading models takes a key with the role admin.');
  };
}
