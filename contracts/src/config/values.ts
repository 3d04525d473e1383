import { z } from 'zod';

/** Settings that belong together; a layer may leave all of them out. */
export const group = <S extends z.core.$ZodLooseShape>(shape: S) =>
  z.strictObject(shape).prefault({} as z.input<z.ZodObject<S, z.core.$strict>>);

/** Milliseconds. Zero is excluded: it would mean "at once" in one place and "never" in the next. */
export const ms = (max = 600_000) => z.number().int().min(1).max(max);
export const days = z.number().int().min(1).max(3650);
export const bytes = z.number().int().min(1);
export const count = z.number().int().min(1);
export const path = z.string().min(1);

/** Where another process listens. */
export const target = z
  .string()
  .regex(/^$|^(\[[0-9A-Fa-f:.]+\]|[^\s:/[\]]+):\d{1,5}$/, 'expected host:port or [IPv6]:port, or nothing')
  .default('');

/** Name of a process that keeps a log of its own. */
export const writer = z
  .string()
  .regex(/^[A-Za-z0-9._-]{0,128}$/, 'expected letters, digits, dot, dash and underscore')
  .default('');

/**
 * A value that must never be printed. It comes from a file or the environment, never from YAML in Git. Clients of
 * HTTP quote a header that they do not accept in their errors, so a secret that is part of one must fit.
 */
export const secret = (description: string, { inHeader = false } = {}) =>
  z
    .string()
    .refine((text) => !/\p{Cc}/u.test(text), 'expected one line, without a line break at its end')
    .refine((text) => !inHeader || /^[ -~]*$/.test(text), 'expected printable ASCII')
    .default('')
    .meta({ secret: true, description });

/** How a process ends. */
export const drain = (description: string) =>
  group({
    delay_ms: z
      .number()
      .int()
      .min(0)
      .max(120_000)
      .default(0)
      .describe('Time between "not ready" and the end of listening, for load balancers to notice.'),
    timeout_ms: z.number().int().min(0).max(600_000).default(20_000).describe(description),
  });

/** The schema behind its default. */
export function inner(schema: z.ZodType): z.ZodType {
  const isWrapped =
    schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional;
  return isWrapped ? inner(schema.unwrap() as z.ZodType) : schema;
}
