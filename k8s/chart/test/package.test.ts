import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import { expect, it } from 'vitest';
import { CHART, helm, valuesOf } from './render.ts';

const template = (chart: string) =>
  helm(['template', 'headgate', chart, '--namespace', 'shop', ...valuesOf('staging')]);

it('packs the layers of config/ into the chart', async () => {
  const dir = tempDir();
  await helm(['package', CHART, '--destination', dir]);
  const [file = ''] = readdirSync(dir);
  expect(await template(join(dir, file))).toBe(await template(CHART));
});
