import { expect, it } from 'vitest';
import { explain, parseObjects } from './rendered.ts';

it('names the path of each wrong value', () => {
  const error =
    explain(`Error: values don't meet the specifications of the schema(s) in the following chart(s):
headgate:
- at '/gateway/replicas': got string, want integer
- at '': additional properties 'gatway' not allowed
`);
  expect(error.message).toBe(
    "the values are not valid:\n  gateway.replicas: got string, want integer\n  values: additional properties 'gatway' not allowed",
  );
  expect(error.exitCode).toBe(2);
});

it('names a file of values that does not exist', () => {
  const error = explain('Error: open mine.yaml: no such file or directory');
  expect(error.message).toBe('mine.yaml does not exist');
});

it('reads the objects of a manifest, whose texts may hold dashes', () => {
  const manifest =
    '---\n# Source: a.yaml\nkind: A\nmetadata:\n  name: a\ndata:\n  text: |\n    ---\n    b\n---\n# empty\n---\nkind: B\nmetadata: {name: b}\n';
  expect(parseObjects(manifest).map(({ kind, data }) => [kind, data?.text])).toEqual([
    ['A', '---\nb\n'],
    ['B', undefined],
  ]);
});
