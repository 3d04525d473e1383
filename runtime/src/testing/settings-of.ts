import { inner } from '@headgate/contracts/config/values';
import { z } from 'zod';

/** Every setting with its path: all that is no group of fixed members. */
export function settingsOf(
  schema: z.ZodType,
  path: readonly string[] = [],
): { readonly path: readonly string[]; readonly schema: z.ZodType }[] {
  const type = inner(schema);
  if (!(type instanceof z.ZodObject)) return [{ path, schema }];
  return Object.entries(type.shape).flatMap(([key, member]) =>
    settingsOf(member as z.ZodType, [...path, key]),
  );
}
