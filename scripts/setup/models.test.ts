import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir, writeText } from '@headgate/testkit/folders';
import { testContext } from '@headgate/testkit/step-context';
import { expect, it } from 'vitest';
import { modelsStep } from './models.ts';
import { runSteps } from './runner.mjs';

/** A checkout whose Python does what the script says. */
function checkout(script: string): string {
  const root = tempDir({ 'pipelines/src/headgate_pipelines/convert/main.py': '' });
  writeText(join(root, '.venv/bin/python'), `#!/bin/sh\n${script}\n`, 0o755);
  return root;
}

it('hands the checkout to the model script', async () => {
  const outputs = modelsStep.outputs.map((path) => `mkdir -p $(dirname ${path}); echo x > ${path}`);
  const root = checkout(`echo "$@" > arguments; ${outputs.join('; ')}`);
  expect(await runSteps([modelsStep], testContext(root))).toEqual(['models']);
  expect(readFileSync(join(root, 'arguments'), 'utf8')).toBe('-m headgate_pipelines.convert.main --root .\n');
});

it('repeats what the model script complains about', async () => {
  const root = checkout('echo "error: the checkpoint is damaged" >&2; exit 1');
  const run = runSteps([modelsStep], testContext(root));
  await expect(run).rejects.toMatchObject({ tail: ['error: the checkpoint is damaged'] });
});
