import { z } from 'zod';
import type { Queryable } from '../postgres/database.ts';

/** Time during which the experiment of a model did not change: its name, weights, versions and salt. */
const epochSchema = z.object({
  experiment: z.string(),
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
  SELECT experiment, from_at, salt, variants FROM experiment_epochs WHERE model = $1
  ORDER BY from_at DESC LIMIT 1000`;

const ADD = 'INSERT INTO experiment_epochs VALUES ($1, $2, $3, $4, $5::jsonb) ON CONFLICT DO NOTHING';

/** Of all experiments of a model, oldest first; the last thousand. */
export async function epochsOf(db: Queryable, model: string): Promise<readonly Epoch[]> {
  const { rows } = await db.query(READ, [model]);
  return (rows as { from_at: Date }[])
    .map(({ from_at, ...rest }) => epochSchema.parse({ from_ms: from_at.getTime(), ...rest }))
    .toReversed();
}

export async function addEpoch(
  db: Queryable,
  model: string,
  { experiment, from_ms, salt, variants }: Epoch,
): Promise<void> {
  await db.query(ADD, [model, experiment, new Date(from_ms), salt, JSON.stringify(variants)]);
}
