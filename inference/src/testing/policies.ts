import { batchingSchema } from '@headgate/contracts/manifest';
import type { z } from 'zod';
import type { DispatchOptions } from '../dispatch.ts';
import { policiesOf } from '../policies.ts';

/** Policies of a model with this batching in its manifest, under an admission that nothing tightens. */
export function policiesFor(
  batching: z.input<typeof batchingSchema>,
): Pick<DispatchOptions, 'batch' | 'queue' | 'admission'> {
  return { ...policiesOf({ batching: batchingSchema.parse(batching) }), admission: CALM };
}

/** Refuses by estimates like the default configuration, and has no limit that adapts. */
export const CALM = {
  estimateMargin: 0.2,
  answerReserveMs: 0,
  estimateMaxAgeMs: 5000,
  adaptiveLimit: undefined,
};
