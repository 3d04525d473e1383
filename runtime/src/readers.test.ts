import {
  cpSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { manifestSchema } from '@headgate/contracts/manifest';
import { routingSchema } from '@headgate/contracts/routing';
import { tempDir } from '@headgate/testkit/folders';
import { ROOT } from '@headgate/testkit/root';
import { describe, expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { readKeyFile } from '../../control/src/cli/keys/key-file.ts';
import { policyOf } from '../../control/src/cli/rollout/rollout.ts';
import type { Surroundings } from '../../control/src/cli/surroundings.ts';
import { fileSource } from '../../control/src/routing/file-source.ts';
import { SourcedRouting } from '../../control/src/routing/routing-store.ts';
import { readLabels, readManifest } from '../../inference/src/models/manifest.ts';
import { TRUST_ALL } from '../../inference/src/models/trust.ts';
import { COLOURS, writeTensorModel } from '../../inference/src/testing/tensor-models.ts';
import { routingProblems } from '../../scripts/check/configuration.ts';
import { defaultModelOf } from '../../scripts/setup/routing.ts';
import { fileKeyStore } from './keys/file-keys.ts';
import { loadConfig } from './load-config.ts';
import { followRouting } from './routing/follow-routing.ts';

/** Everything that reads a file that a person writes. */
interface Reader {
  /** A text that is right, as plain data. */
  readonly good: unknown;
  /** Writes the text where it belongs, and returns its path. */
  readonly put: (text: string | Uint8Array) => string;
  /** Throws with the problem. */
  readonly read: (path: string) => unknown;
}

const inFolder = (name: string) => (text: string | Uint8Array) => {
  const path = join(tempDir(), name);
  writeFileSync(path, text);
  return path;
};

const KEYS = { keys: [{ id: 'alice', sha256: 'ab'.repeat(32), name: 'Alice', role: 'client' }] };
const ROUTING = { schema: 1, default_model: 'm', models: { m: { version: '1' }, n: { version: '2' } } };
const POLICY = { steps: [{ weight: 10, hold_s: 5 }], guardrails: [{ metric: 'error_rate' }] };
const MANIFEST = (() => {
  const root = mkdtempSync(join(tmpdir(), 'readers-'));
  try {
    writeTensorModel(root, 'colours', COLOURS);
    return JSON.parse(readFileSync(join(root, 'colours/1/manifest.yaml'), 'utf8'));
  } finally {
    rmSync(root, { recursive: true });
  }
})();

const SILENT = { accepted() {}, refused() {}, lost() {}, found() {} };

const READERS: Readonly<Record<string, Reader>> = {
  'the configuration': {
    good: { telemetry: { log_level: 'warn' }, gateway: { docs_public: false } },
    put(text) {
      const dir = tempDir();
      cpSync(join(ROOT, 'config'), dir, { recursive: true });
      writeFileSync(join(dir, 'dev.yaml'), text);
      return join(dir, 'dev.yaml');
    },
    read: (path) => loadConfig({ dir: dirname(path), environment: 'dev', env: {} }),
  },
  'keys in the gateway': {
    good: KEYS,
    put: inFolder('keys.yaml'),
    read: (path) => fileKeyStore(path, SILENT).stop(),
  },
  'keys in the command line': { good: KEYS, put: inFolder('keys.yaml'), read: (path) => readKeyFile(path) },
  'the routing table': {
    good: ROUTING,
    put: inFolder('routing.yaml'),
    async read(path) {
      const config = { routing_file: path, routing_config_map: '' };
      (await followRouting({ config, root: '/', env: {}, report: SILENT })).stop();
    },
  },
  'the routing table in control': {
    good: ROUTING,
    put: inFolder('routing.yaml'),
    read: (path) => new SourcedRouting(fileSource(path)).refresh(),
  },
  'the routing table at the start': {
    good: ROUTING,
    put: inFolder('routing.yaml'),
    read: (path) => defaultModelOf('/', path),
  },
  'the routing table in the checks': {
    good: ROUTING,
    put: inFolder('routing.yaml'),
    read(path) {
      const [problem] = routingProblems(path);
      if (problem !== undefined) throw new Error(problem);
    },
  },
  'a manifest': {
    good: MANIFEST,
    put: inFolder('manifest.yaml'),
    read: (path) => readManifest(dirname(path), undefined, TRUST_ALL),
  },
  labels: {
    good: ['red', 'green', 'blue'],
    put: inFolder('labels.json'),
    read: (path) =>
      readLabels(dirname(path), {
        image: { labels: 'labels.json', output: 'scores' },
        outputs: [{ name: 'scores', datatype: 'FP32', shape: [-1, 3] }],
      } as never),
  },
  'a policy': {
    good: POLICY,
    put: inFolder('policy.yaml'),
    read: (path) => policyOf(path, { cwd: '/' } as Surroundings),
  },
};

const problemOf = async ({ put, read }: Reader, text: string | Uint8Array): Promise<string> => {
  try {
    await read(put(text));
  } catch (error) {
    const { message, detail } = error as Error & { readonly detail?: string };
    return `${message} ${detail ?? ''}`;
  }
  return 'none';
};

const utf16 = (text: string, isBig = false) => {
  const bytes = Buffer.from(`\uFEFF${text}`, 'utf16le');
  return isBig ? bytes.swap16() : bytes;
};

describe.each(Object.entries(READERS))('the reader of %s', (_, reader) => {
  const text = stringify(reader.good);
  const json = JSON.stringify(reader.good, null, 2);

  it.each([
    ['YAML', text],
    ['JSON', json],
    ['JSON with tabs, as JavaScript tools indent it', JSON.stringify(reader.good, null, '\t')],
    ['a byte order mark', `\uFEFF${text}`],
    ['a byte order mark before JSON', `\uFEFF${json}`],
    ['line ends of Windows', text.replaceAll('\n', '\r\n')],
    ['spaces at the end of lines', text.replaceAll('\n', '  \n')],
    [
      'tabs at the end of lines, and before comments',
      text.replaceAll('\n', '\t\n').replace('\n', '\t# why\n'),
    ],
    ['comments with letters of everywhere', `# für Grüße 你好\n${text}# end`],
    ['markers of the document', `---\n${text}...\n`],
    ['the directive of the version', `%YAML 1.2\n---\n${text}`],
    ['empty lines', `\n\n${text}\n\n`],
    ['no line end at the end', text.trimEnd()],
  ])('forgives %s', async (_, form) => {
    expect(await problemOf(reader, form)).toBe('none');
  });

  it.each([
    ['an alias without anchor', 'a: 1\nb: *Geheim12', 'line 2, column 4: an alias (*) without its anchor'],
    ['an unknown tag', 'a: !Geheim12 x', 'line 1, column 4: a tag (!) is not supported; quote'],
    ['a tab as indentation', 'a:\n\tb: Geheim12', 'line 2, column 1: not valid YAML: a tab as indentation'],
    ['two documents', 'a: 1\n---\nb: Geheim12', 'line 2, column 1: more than one document'],
    ['a key twice', 'Geheim12: 1\nGeheim12: 2', 'line 2, column 1: a key that occurs twice'],
    ['a merge key', 'a: &a { b: Geheim12 }\nc:\n  <<: *a', 'line 3, column 3: merge keys (<<)'],
    ['many aliases', `a: &a x\nb: [${'*a, '.repeat(101)}]`, 'line 2, column 405: more than 100 aliases (*)'],
    ['a quote that is never closed', 'a: "Geheim12', 'line 1, column 13: not valid YAML: a quote'],
    ['two keys on a line', 'a: b: Geheim12', 'line 1, column 4: not valid YAML: two keys on one line'],
    ['a special character', 'a: @Geheim12', 'line 1, column 4: not valid YAML: a text begins with'],
    ['Latin-1', Buffer.from('# caf\u00e9\n# gr\u00fcn', 'latin1'), 'line 1: the text is not UTF-8'],
    ['UTF-16', utf16(text), 'the text is UTF-16; save the file as UTF-8'],
    ['UTF-16, big end first', utf16(text, true), 'the text is UTF-16; save the file as UTF-8'],
  ])('refuses %s, says where, and quotes nothing', async (_, wrong, problem) => {
    const found = await problemOf(reader, wrong);
    // A reader of texts that were decoded already finds damage as a mistake in their content.
    const isDecoded = Buffer.isBuffer(wrong) && problem.includes('not UTF-8') && !found.includes('UTF-8');
    if (!isDecoded) expect(found).toContain(problem);
    expect(found).not.toBe('none');
    expect(found).not.toContain('Geheim12');
  });
});

describe('a mistake against the schema', () => {
  it.each([
    ['the configuration', 'gateway:\n  limits:\n    max_body: 1\n', 'dev.yaml, line 3, column 5'],
    ['the configuration', 'telemetry:\n  logLevel: warn\n', 'did you mean telemetry.log_level?'],
    ['keys in the gateway', 'keys:\n  - id: alice\n    sha: x\n', 'line 3, column 5: keys.0: unknown "sha"; known: id, sha256'],
    ['keys in the command line', 'keys:\n- id: alice\n  nmae: A\n', 'line 3, column 3: keys.0: unknown "nmae"; did you mean name?'],
    ['the routing table', 'schema: 1\ndefault_model: m\nmodels:\n  m:\n    version: 1\n', 'line 5, column 5: models.m.version: expected text, found a number; put it in quotes'],
    ['the routing table in control', 'schema: 1\ndefault-model: m\nmodels: {}\n', 'line 2, column 1: (document): unknown "default-model"; did you mean default_model?'],
    ['the routing table at the start', 'schema: 1\nmodels: {}\n', 'line 1, column 1: default_model: expected text, found nothing'],
    ['the routing table in the checks', 'schema: 2\nmodels: {}\n', 'line 1, column 1: schema: expected 1'],
    ['a manifest', JSON.stringify({ ...MANIFEST, batching: { maxBatchSize: 2 } }), 'did you mean max_batch_size?'],
    ['labels', '["a",\n"b", 3]', 'label 2, counted from 0: expected text; put it in quotes'],
    ['a policy', 'steps:\n- weight: 10\n  hold: 5\nguardrails: []\n', 'line 3, column 3: steps.0: unknown "hold"; did you mean hold_s?'],
    ['a policy', 'steps: &s\n- weight: ten\nguardrails: *s\n', 'line 2, column 3: guardrails.0'],
  ])('in %s has its place and a remedy: %j', async (name, text, problem) => {
    expect(await problemOf(READERS[name] as Reader, text)).toContain(problem);
  }); // biome-ignore format: a table

  it('of a long file is placed too', async () => {
    const text = `${'# a comment\n'.repeat(1000)}${stringify(MANIFEST)}schemata: 2\n`;
    expect(await problemOf(READERS['a manifest'] as Reader, text)).toMatch(
      /line 10\d\d, column 1: .*did you mean schema\?/,
    );
  });
});

describe('a digest', () => {
  const LOWER = '0a1b2c3d4e5f6789'.repeat(4);
  const DIGESTS = [
    ['in capitals, as Get-FileHash prints it', LOWER.toUpperCase()],
    ['with spaces, as certutil of Windows 7 prints it', LOWER.replaceAll(/(..)(?!$)/g, '$1 ')],
    ['with a file, as sha256sum prints it', `${LOWER}  my model.onnx`],
    ['with a binary file', `${LOWER} *model.onnx`],
    ['with spaces around', ` ${LOWER}\r`],
  ] as const;

  it.each(DIGESTS)('is read %s', (_, digest) => {
    const manifest = manifestSchema.parse({ ...MANIFEST, file: { ...MANIFEST.file, sha256: digest } });
    expect(manifest.file.sha256).toBe(LOWER);
    expect(
      readKeyFile(inFolder('k.yaml')(stringify({ keys: [{ ...KEYS.keys[0], sha256: digest }] })))[0]?.sha256,
    ).toBe(LOWER);
  });

  it.each([
    [LOWER.slice(1), 'expected 64 hex digits, found 63 characters'],
    [`${LOWER.slice(1)}g`, 'expected 64 hex digits, found another character'],
  ])('is refused with the reason: %s', async (sha256, problem) => {
    const text = stringify({ keys: [{ ...KEYS.keys[0], sha256 }] });
    expect(await problemOf(READERS['keys in the gateway'] as Reader, text)).toContain(problem);
  });
});

describe('a change', () => {
  const versionOf = (version: string) => stringify({ ...ROUTING, models: { m: { version } } });
  const age = (path: string) => utimesSync(path, 1, 1);

  it.each<[string, (path: string) => void]>([
    ['in place, with the size and time stamp kept', (path) => writeFileSync(path, versionOf('2'))],
    [
      'by a file of the same size and time stamp in its place',
      (path) => {
        writeFileSync(`${path}.new`, versionOf('2'));
        age(`${path}.new`);
        renameSync(`${path}.new`, path);
      },
    ],
    [
      'by a link to another file',
      (path) => {
        writeFileSync(`${path}.other`, versionOf('2'));
        rmSync(path);
        symlinkSync(`${path}.other`, path);
      },
    ],
  ])('%s is noticed', async (_, change) => {
    const path = inFolder('routing.yaml')(versionOf('1'));
    age(path);
    const config = { routing_file: path, routing_config_map: '' };
    const routing = await followRouting({ config, root: '/', env: {}, report: SILENT });
    onTestFinished(routing.stop);
    change(path);
    age(path);
    await expect.poll(() => routing.current().models.m?.versions, { timeout: 5000 }).toEqual(['2']);
  });

  it('of the folder behind a mounted ConfigMap is noticed', async () => {
    const dir = tempDir({ 'one/keys.yaml': stringify(KEYS), 'two/keys.yaml': stringify({ keys: [] }) });
    for (const version of ['one', 'two']) age(join(dir, version, 'keys.yaml'));
    symlinkSync('one', join(dir, '..data'));
    symlinkSync('..data/keys.yaml', join(dir, 'keys.yaml'));
    const keys = fileKeyStore(join(dir, 'keys.yaml'), SILENT);
    onTestFinished(keys.stop);
    expect(keys.find('alice')).toBeDefined();
    symlinkSync('two', join(dir, '..data_tmp'));
    renameSync(join(dir, '..data_tmp'), join(dir, '..data'));
    await expect.poll(() => keys.find('alice'), { timeout: 5000 }).toBeUndefined();
  });
});

it('reads by the rules of YAML 1.2, whatever the text asks for', () => {
  const table = (version: string) =>
    `%YAML 1.1\n---\nschema: 1\ndefault_model: m\nmodels: { m: { version: ${version} } }\n`;
  for (const version of ['on', '2026-12-01', '1_000', 'y', 'off']) {
    const path = inFolder('routing.yaml')(table(version));
    expect(routingProblems(path), version).toEqual([]);
    expect(routingSchema.safeParse({ ...ROUTING, models: { m: { version } } }).success).toBe(true);
  }
});
