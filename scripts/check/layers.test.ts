import { ROOT } from '@headgate/testkit/root';
import { describe, expect, it } from 'vitest';
import { layerProblems, reachedPackages, readSources } from './layers.ts';

const named = (...names: string[]) =>
  JSON.stringify({ dependencies: Object.fromEntries(names.map((name) => [name, '1.0.0'])) });

describe('The rule about imports', () => {
  it.each([
    ['inference', '@headgate/stores/records/sink'],
    ['contracts', '@headgate/runtime/clock'],
    ['runtime', '../../journal/src/spool/spool.ts'],
    ['gateway', '../../control/src/main.ts'],
    ['gateway', '@headgate/testkit/ports'],
    ['control', '../../scripts/setup/keys.ts'],
    ['envoy', '@headgate/journal/audit/chain'],
    ['scripts/setup', '@headgate/testkit/root'],
    ['k8s/deploy', '@headgate/testkit/metrics'],
  ])('finds that %s imports %s', (folder, specifier) => {
    const [, target] = /(?:@headgate|\.\.\/\.\.)\/(\w+)/.exec(specifier) ?? [];
    const sources = { [`${folder}/src/a.ts`]: `import { a } from '${specifier}';` };
    expect(layerProblems(sources)).toEqual([`${folder}/src/a.ts: ${folder} must not import ${target}`]);
  });

  it('finds a package that package.json does not name', () => {
    const sources = {
      'gateway/package.json': named('hono'),
      'gateway/src/a.ts': "import a from 'hono/x';\nawait import('pg');",
    };
    expect(layerProblems(sources)).toEqual(['gateway/src/a.ts: gateway/package.json does not name pg']);
  });

  it('leaves tests alone, and imports that point down', () => {
    const sources = {
      'gateway/src/a.test.ts': "import { a } from '../../control/src/b.ts';",
      'gateway/src/testing/a.ts': "import { a } from '@headgate/testkit/ports';",
      'gateway/src/a.ts':
        "import { a } from '@headgate/stores/records/sink';\nimport 'node:fs';\nimport './b.ts';",
    };
    expect(layerProblems(sources)).toEqual([]);
  });
});

describe('An inference image', () => {
  const entries = ['inference/src/main.ts', 'inference/src/engine/child/main.ts'];

  it('carries no client of a database', async () => {
    const reached = reachedPackages(await readSources(ROOT), entries);
    expect([...reached]).toEqual(expect.arrayContaining(['onnxruntime-node', '@grpc/grpc-js', 'sharp']));
    for (const name of ['pg', '@electric-sql/pglite', 'ioredis']) expect(reached).not.toContain(name);
  });

  it('would be found to carry one, as control is', async () => {
    const reached = reachedPackages(await readSources(ROOT), ['control/src/main.ts']);
    expect([...reached]).toEqual(expect.arrayContaining(['pg', '@electric-sql/pglite']));
  });
});
