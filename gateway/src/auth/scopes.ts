import { HeadgateError } from '@headgate/contracts/errors';
import type { Identity } from './identity.ts';

/** Whether a caller may see and ask a model. */
export function allowsModel(identity: Identity | undefined, model: string): boolean {
  return identity?.scopes?.models?.includes(model) ?? true;
}

/** @throws HeadgateError scope_missing */
export function mayUseModel(identity: Identity | undefined, model: string): void {
  if (allowsModel(identity, model)) return;
  throw new HeadgateError(
    'scope_missing',
    'This credential does not allow to use this model; GET /v1/models lists those it allows.',
  );
}
