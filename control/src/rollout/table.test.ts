import { parseRouting } from '@headgate/contracts/routing';
import { expect, it } from 'vitest';
import { tableOf } from './table.ts';

const TABLE = parseRouting({
  schema: 1,
  default_model: 'net',
  models: {
    net: {
      versions: ['1', '2', '3'],
      experiment: { name: 'e', salt: 's', variants: [{ name: 'one', version: '1', weight: 100 }] },
      shadows: ['2', '3'].map((version) => ({ version, sample: 5 })),
    },
  },
});

/** Shadows of the table while a rollout of version 2 is in a state. */
function shadowsIn(kind: 'running' | 'promoted', table = TABLE) {
  const at = { since_ms: 0, by: 'control' };
  const part = {
    id: 'r-1',
    model: 'net',
    control: { variant: 'one', version: '1' },
    candidate: { variant: 'two', version: '2' },
    state: kind === 'running' ? { kind, since_ms: 0, step: 0, waits_for: 'samples' } : { kind, ...at },
    weight: kind === 'running' ? 10 : 100,
    evidence: [],
    transitions: [],
  };
  return tableOf(part, table).models.net?.shadows?.map(({ version }) => version);
}

it('copies requests to a candidate until it becomes the control', () => {
  expect(shadowsIn('running')).toEqual(['2', '3']);
  expect(shadowsIn('promoted')).toEqual(['3']);
});
