import { HeadgateError } from '@headgate/contracts/errors';
import type { Role, RouteScope } from '@headgate/contracts/keys';
import { mayUseModel } from '../auth/identity.ts';
import type { Layer } from '../context.ts';

const SENTENCE: Record<RouteScope, string> = {
  predict: 'This credential does not allow predictions (scope predict).',
  feedback: 'This credential does not allow feedback (scope feedback).',
  read: 'This credential does not allow to read what is served (scope read).',
  operate: 'This credential does not allow to operate models (scope operate).',
};

/**
 * Stops callers whose credential is limited to other routes or models, before the body is read. A model that they may
 * not use is refused whether it exists or not. Where the path names none, chooseVariant checks the one that it chooses;
 * a call about all models is refused to callers that are limited to some.
 */
export function authorize(scope: RouteScope): Layer {
  return async function authorize(c, next) {
    const { routes, models } = c.get('identity')?.scopes ?? {};
    if (routes && !routes.includes(scope)) throw new HeadgateError('scope_missing', SENTENCE[scope]);
    const named = c.req.param('model');
    if (named !== undefined) mayUseModel(c.get('identity'), named);
    else if (scope === 'operate' && models) {
      throw new HeadgateError(
        'scope_missing',
        'This credential is limited to some models; this is about all of them.',
      );
    }
    await next();
  };
}

/** Stops callers whose credential has another role, before the body is read. */
export function requireRole(roles: readonly Role[], detail: string): Layer {
  return async function requireRole(c, next) {
    const role = c.get('identity')?.role;
    if (role === undefined || !roles.includes(role)) throw new HeadgateError('scope_missing', detail);
    await next();
  };
}

/** Naming a version: what these ask for is no part of an experiment (D16). */
export const mayNameVersion = () =>
  requireRole(['tester', 'admin'], 'Naming a version takes a key with the role tester or admin.');
