import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const read = (path: string) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));

it('the typings come from the installed protos and generator; if not, run envoy/scripts/generate-typings.sh', () => {
  const source: Record<string, string> = read('./gen/SOURCE.json');
  expect(Object.keys(source)).toEqual(['@grpc/grpc-js-xds', 'ts-proto']);
  for (const [name, version] of Object.entries(source)) {
    expect([name, read(`../../node_modules/${name}/package.json`).version]).toEqual([name, version]);
  }
});
