import { HeadgateError } from '@headgate/contracts/errors';
import type { RouteScope } from '@headgate/contracts/keys';
import { mayUseModel } from '../auth/scopes.ts';
import type { Layer } from '../context.ts';
import type { RoutingSource } from '../routing/source.ts';

const SENTENCE: Record<RouteScope, string> = {
  predict: 'This credential does not allow predictions (scope predict).',
  feedback: 'This credential does not allow feedback (scope feedback).',
  read: 'This credential does not allow to read what is served (scope read).',
  operate: 'This credential does not allow to operate models (scope operate).',
};

/**
 * Stops callers whose credential is limited to other routes or models, before the body is read. A model that they may
 * not use is refused whether it exists or not. Routes that name no model are left to their handlers, except those that
 * show or change all of them.
 */
export function authorize(scope: RouteScope, { routing }: { readonly routing: RoutingSource }): Layer {
  return async function authorize(c, next) {
    const { routes, models } = c.get('identity')?.scopes ?? {};
    if (routes && !routes.includes(scope)) throw new HeadgateError('scope_missing', SENTENCE[scope]);
    const named = c.req.param('model');
    if (named !== undefined) mayUseModel(c.get('identity'), named);
    // Not read where it does not matter: one request sees one generation of the table.
    else if (models && scope === 'predict') mayUseModel(c.get('identity'), routing.current().default_model);
    else if (scope === 'operate' && models) {
      throw new HeadgateError(
        'scope_missing',
        'This credential is limited to some models; this is about all of them.',
      );
    }
    await next();
  };
}
