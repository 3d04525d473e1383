import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseRouting } from '@headgate/contracts/routing';
import { ROOT } from '@headgate/testkit/root';
import { parse, stringify } from 'yaml';

/**
 * Writes the shipped routing table with all weight on the control variants, so that every stage runs the same
 * model; returns `path`.
 */
export function onlyControl(path: string): string {
  const routing = parseRouting(parse(readFileSync(join(ROOT, 'config/routing.yaml'), 'utf8')));
  for (const { experiment } of Object.values(routing.models)) {
    experiment.variants.forEach((variant, index) => {
      variant.weight = index === 0 ? 100 : 0;
    });
  }
  writeFileSync(path, stringify(routing));
  return path;
}
