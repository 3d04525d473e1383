import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { headgate } from '../../testing/command-line.ts';

/** Removes version 1 of `shoes` while control is away and the routing file names version 2 alone. */
async function removed(env: NodeJS.ProcessEnv) {
  const dir = tempDir();
  const folder = join(dir, 'models/shoes/1');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'manifest.yaml'), '{}');
  const routing = join(dir, 'routing.yaml');
  writeFileSync(routing, 'schema: 1\ndefault_model: shoes\nmodels: { shoes: { version: "2" } }\n');
  const { code, err } = await headgate(['models', 'remove', 'shoes/1', '--yes'], {
    env: { HEADGATE_INFERENCE__MODELS_DIR: join(dir, 'models'), HEADGATE_ROUTING_FILE: routing, ...env },
  });
  return { code, err, isThere: existsSync(folder) };
}

it('removes a version that the routing file does not name while control is away', async () => {
  expect(await removed({})).toEqual({ code: 0, err: '', isThere: false });
});

it('removes nothing while control is away and the table is in a ConfigMap, of which the file is a copy', async () => {
  const { code, err, isThere } = await removed({ HEADGATE_ROUTING_CONFIG_MAP: 'headgate-routing' });
  expect([code === 0, isThere]).toEqual([false, true]);
  expect(err).toContain('ConfigMap');
});
