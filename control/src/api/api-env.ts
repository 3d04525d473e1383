import { ADMIN_REASONS, type AdminReason } from '@headgate/contracts/admin/api';
import { describeIssues, IN_WORDS } from '@headgate/contracts/issues';
import type { HttpBindings } from '@hono/node-server';
import type { Context, MiddlewareHandler } from 'hono';
import { z } from 'zod';
import type { OpenSession } from './session/sessions.ts';

/** What the layers of the admin API hand inwards. */
export interface ApiEnv {
  Bindings: HttpBindings;
  Variables: {
    /** Who asks: `key:` and the id of an admin key, or `user:` and the name of who runs the command line. */
    actor: string;
    /** Undefined for callers who show a key or the internal secret instead. */
    session: OpenSession | undefined;
    /** False once that proof has ended: a long answer then ends too. To ask counts as a use of the session. */
    isIn: () => boolean;
    /** Aborted when the caller leaves or the time is over; undefined for a change, which goes on. */
    signal: AbortSignal | undefined;
  };
}

export type ApiContext = Context<ApiEnv>;
export type ApiLayer = MiddlewareHandler<ApiEnv>;

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

/** A time in a query. */
export const epochMs = z.coerce.number().int().min(0).max(Date.UTC(9999, 0));

/** The body of a request. @throws AdminError invalid, with each problem */
export async function bodyOf<S extends z.ZodType>(c: ApiContext, schema: S): Promise<z.output<S>> {
  const document: unknown = await c.req.json().catch((cause: unknown) => {
    throw new AdminError('invalid', 'The body is not valid JSON.', { cause });
  });
  return checked(schema, document, 'the body');
}

/** The query of a request. @throws AdminError invalid, with each problem */
export function queryOf<S extends z.ZodType>(c: ApiContext, schema: S): z.output<S> {
  return checked(schema, c.req.query(), 'the query');
}

function checked<S extends z.ZodType>(schema: S, document: unknown, whole: string): z.output<S> {
  const { success, data, error } = schema.safeParse(document, IN_WORDS);
  if (success) return data;
  throw new AdminError('invalid', describeIssues(error, whole).join('; '));
}
