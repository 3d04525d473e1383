import { expect, it } from 'vitest';
import { stepsFor } from './setup.ts';

const namesFor = (environment?: string) => {
  const { common, full } = stepsFor(environment);
  return [...common, ...full].map(({ name }) => name);
};

it.each([
  [undefined, ['build', 'keys', 'internal-secret', 'certificates', 'models']],
  ['dev', ['build', 'keys', 'internal-secret', 'certificates', 'models']],
  ['staging', ['build', 'internal-secret', 'certificates', 'models']],
  ['production', ['build', 'models']],
])('makes keys in development only, and no secret of its own in production: %s', (environment, names) => {
  expect(namesFor(environment)).toEqual(names);
});
