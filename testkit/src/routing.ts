import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseRouting, type Routing } from '@headgate/contracts/routing';
import { parseYaml } from '@headgate/runtime/parse-yaml';
import { stringify } from 'yaml';
import { ROOT } from './root.ts';

/** A model with very short runs, for tests that count thousands of answers. */
export const SMALL_MODEL = 'digits';

export const SMALL_VARIANTS = { control: 'v1', treatment: 'v1-again' } as const;

/**
 * Writes the table that `npm start` seeds, plus the small model with a 90/10 experiment.
 *
 * @param only writes this model alone, for a fast start
 */
export function seedRouting(path: string, only?: typeof SMALL_MODEL): void {
  const seed = parseYaml(readFileSync(join(ROOT, 'config/routing.yaml'), 'utf8')) as Routing;
  const small: Routing['models'][string] = {
    versions: ['1'],
    experiment: {
      name: 'same-twice',
      salt: 'same-twice-1',
      variants: [
        { name: SMALL_VARIANTS.control, version: '1', weight: 90 },
        { name: SMALL_VARIANTS.treatment, version: '1', weight: 10 },
      ],
    },
  };
  const models = { ...seed.models, [SMALL_MODEL]: small };
  if (only) writeRouting(path, { ...seed, default_model: only, models: { [only]: small } });
  else writeRouting(path, { ...seed, models });
}

export function readRouting(path: string): Routing {
  return parseRouting(parseYaml(readFileSync(path, 'utf8')));
}

/** Writes the table in place, as an editor does. */
export function writeRouting(path: string, routing: Routing): void {
  writeFileSync(path, stringify(routing));
}

/** A copy of `routing` in which the only treatment of `model` has `percent`, and control the rest. */
export function withTreatment(routing: Routing, model: string, percent: number): Routing {
  const next = structuredClone(routing);
  const [control, treatment, ...more] = next.models[model]?.experiment.variants ?? [];
  if (!control || !treatment || more.length > 0) throw new Error(`expected two variants of ${model}`);
  control.weight = 100 - percent;
  treatment.weight = percent;
  return next;
}
