import { parseRouting } from '@headgate/contracts/routing';
import { expect, it } from 'vitest';
import { isCounted, unitsFor } from './verify.ts';

it('chooses units of each variant that has weight', () => {
  const routing = parseRouting({
    schema: 1,
    default_model: 'm',
    models: {
      m: {
        versions: ['1', '2', '3'],
        experiment: {
          name: 'e',
          salt: 's',
          variants: [
            { name: 'control', version: '1', weight: 99.99 },
            { name: 'rare', version: '2', weight: 0.01 },
            { name: 'off', version: '3', weight: 0 },
          ],
        },
      },
    },
  });
  expect([...unitsFor(routing)].map(({ variant, version }) => `${variant} ${version}`)).toEqual([
    'control 1',
    'control 1',
    'rare 2',
    'rare 2',
  ]);
});

it('sees a quota that is counted, also when a minute begins in between', () => {
  const none = Number.POSITIVE_INFINITY;
  expect(isCounted([9, 8, 7])).toBe(true);
  expect(isCounted([1, 9, 8])).toBe(true);
  expect(isCounted([none, none])).toBe(true);
  expect(isCounted([9])).toBe(true);
  expect(isCounted([9, 9, 9])).toBe(false);
});
