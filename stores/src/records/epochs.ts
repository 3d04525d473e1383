import { z } from 'zod';
import type { Queryable } from '../postgres/database.ts';

/** Time during which an experiment did not change: its weights, versions and salt. */
const epochSchema = z.object({
  from_ms: z.int(),
  salt: z.string(),
  /** The first one is the control. */
  variants: z
    .array(z.object({ name: z.string(), version: z.string(), weight: z.number() }))
    .min(1)
    .max(3),
});
export type Epoch = z.infer<typeof epochSchema>;

const READ = `
  SELECT from_at, salt, variants FROM experiment_epochs WHERE model = $1 AND experiment = $2
  ORDER BY from_at DESC LIMIT 1000`;

const ADD = 'INSERT INTO experiment_epochs VALUES ($1, $2, $3, $4, $5::jsonb) ON CONFLICT DO NOTHING';

/** Oldest first; the last thousand. */
export async function epochsOf(db: Queryable, model: string, experiment: string): Promise<readonly Epoch[]> {
  const { rows } = await db.query(READ, [model, experiment]);
  return (rows as { from_at: Date; salt: string; variants: unknown }[])
    .map(({ from_at, ...rest }) => epochSchema.parse({ from_ms: from_at.getTime(), ...rest }))
    .toReversed();
}

export async function addEpoch(
  db: Queryable,
  model: string,
  experiment: string,
  { from_ms, salt, variants }: Epoch,
): Promise<void> {
  await db.query(ADD, [model, experiment, new Date(from_ms), salt, JSON.stringify(variants)]);
}
