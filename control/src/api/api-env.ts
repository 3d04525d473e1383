import { ADMIN_REASONS, type AdminReason } from '@headgate/contracts/admin/api';
import type { Context } from 'hono';
import type { z } from 'zod';

/** What the layers of the admin API hand inwards. */
export interface ApiEnv {
  Variables: {
    /** Who asks: `key:` and the id of an admin key, or `user:` and the name of who runs the command line. */
    actor: string;
  };
}

/** A refusal of the admin API; the only error that its routes throw on purpose. `detail` tells the caller what to do. */
export class AdminError extends Error {
  override readonly name = 'AdminError';
  readonly reason: AdminReason;
  readonly detail: string;

  constructor(reason: AdminReason, detail: string, options: ErrorOptions = {}) {
    super(`${reason}: ${detail}`, options);
    this.reason = reason;
    this.detail = detail;
  }

  get status(): (typeof ADMIN_REASONS)[AdminReason] {
    return ADMIN_REASONS[this.reason];
  }
}

/** The body of a request. @throws AdminError invalid, with each problem */
export async function bodyOf<S extends z.ZodType>(c: Context<ApiEnv>, schema: S): Promise<z.output<S>> {
  const document: unknown = await c.req.json().catch(() => undefined);
  const { success, data, error } = schema.safeParse(document);
  if (success) return data;
  const problems = error.issues.map(({ path, message }) => `${path.join('.') || 'the body'}: ${message}`);
  throw new AdminError('invalid', problems.slice(0, 5).join('; '));
}
