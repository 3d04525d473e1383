import { constants, copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Mode } from './mode.ts';
import type { Step } from './runner.mjs';

/** The routing table of each mode has a file of its own, so that a change of mode overwrites nothing. */
export const ROUTING_FILE: Record<Mode, string> = {
  full: 'state/routing.yaml',
  fallback: 'state/routing.fallback.yaml',
};

const SEED: Record<Mode, string> = { full: 'config/routing.yaml', fallback: 'config/routing.fallback.yaml' };

/** Copies the seed once. From then on the copy belongs to whoever operates it (decision D15). */
export function routingStep(mode: Mode): Step {
  const file = ROUTING_FILE[mode];
  return {
    name: `routing-${mode}`,
    title: 'routing table',
    inputs: [],
    outputs: [file],
    // An edited table has another size: that is no reason to do anything.
    isDone: (root) => existsSync(join(root, file)),
    run: async ({ root }) => {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      copyFileSync(join(root, SEED[mode]), join(root, file), constants.COPYFILE_EXCL);
    },
    remedy: `copy ${SEED[mode]} to ${file}`,
  };
}
