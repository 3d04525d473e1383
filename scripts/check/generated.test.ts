import { tempDir } from '@headgate/testkit/folders';
import { testContext } from '@headgate/testkit/step-context';
import { expect, it } from 'vitest';
import { ROOT } from '../setup/bootstrap.mjs';
import { differences, generatedItem } from './generated.ts';

it('names changed, new and missing files, in folders too', () => {
  const left = tempDir({ same: '1', changed: '1', 'deep/missing': '1' });
  const right = tempDir({ same: '1', changed: '2', new: '1' });
  expect(differences(left, right)).toEqual(['changed', 'deep/missing', 'new']);
  expect(differences(left, left)).toEqual([]);
});

it('generates what is committed', async () => {
  expect(await generatedItem.run(testContext(ROOT))).toEqual([]);
});
