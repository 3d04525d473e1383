import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { developmentKeyId } from '@headgate/contracts/development';
import { tempDir } from '@headgate/testkit/folders';
import { ROOT } from '@headgate/testkit/root';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  createAuthority,
  makeInternalCertificates,
  makePublicCertificates,
  writeAll,
} from '../../../scripts/setup/certificates.ts';
import { ConfigError, loadConfig } from '../load-config.ts';
import { missingFor, PARTS, REQUIREMENTS, refuseUnready, warningsFor } from './requirements.ts';

const sha256 = createHash('sha256').update('a').digest('hex');
const keyOf = (id: string, tier = 'default') => ({ id, sha256, name: id, role: 'client', tier });
const NAMES = { HEADGATE_ENVOY__SERVER_NAMES: '["api.acme.org"]' };

let root: string;
const write = (path: string, value: unknown) => writeFileSync(join(root, path), JSON.stringify(value));
const certificate = async (dir: string, { name = 'api.acme.org', days = 1 } = {}) => {
  const authority = await createAuthority('An authority');
  const notAfter = new Date(Date.now() + days * 86_400_000);
  const leaf = await authority.issue(name, 'client', { notBefore: new Date(0), notAfter });
  const pem = { 'tls.crt': leaf.certificate, 'tls.key': leaf.key, 'ca.crt': authority.certificate };
  writeAll(join(root, 'state/tls', dir), pem);
};

/** A machine that lacks nothing. */
beforeEach(async () => {
  root = tempDir();
  mkdirSync(join(root, 'state'));
  write('state/keys.yaml', { keys: [keyOf('0a1b2c3d4e5f60718293', 'standard')] });
  writeFileSync(join(root, 'state/internal.secret'), 'e5'.repeat(32));
  writeFileSync(join(root, 'state/routing.yaml'), readFileSync(join(ROOT, 'config/routing.yaml')));
  for (const dir of ['public', 'internal']) await certificate(dir);
});

const configOf = (env: Record<string, string> = {}, environment = 'production') =>
  loadConfig({ dir: join(ROOT, 'config'), environment, env: { ...NAMES, ...env } });
const missing = (env: Record<string, string> = {}, environment?: string) =>
  missingFor(configOf(env, environment), root);

it('finds nothing missing where everything is there', () => {
  expect(missing()).toEqual([]);
});

it('finds everything that is missing on an empty machine, and nothing in development', () => {
  rmSync(join(root, 'state'), { recursive: true });
  const found = missing({ HEADGATE_ENVOY__SERVER_NAMES: '["localhost"]' });
  expect(found.map((line) => line.split(' (')[0])).toEqual(REQUIREMENTS.map(({ name }) => name));
  expect(missing({}, 'dev')).toEqual([]);
});

it('leaves a table in a ConfigMap to the start, which needs it or its copy', () => {
  rmSync(join(root, 'state/routing.yaml'));
  expect(missing()).toEqual([expect.stringContaining('Routing table (routing_file)')]);
  expect(missing({ HEADGATE_ROUTING_CONFIG_MAP: 'headgate-routing' })).toEqual([]);
});

it('lets staging be local, and asks the rest of it', async () => {
  await makePublicCertificates(join(root, 'state/tls/public'));
  await makeInternalCertificates(join(root, 'state/tls/internal'));
  const local = { HEADGATE_ENVOY__SERVER_NAMES: '["localhost"]' };
  expect(missing(local, 'staging').filter((line) => !line.includes('standard'))).toEqual([]);
  write('state/keys.yaml', { keys: [keyOf('client0a1b2c3d')] });
  expect(missing(local, 'staging')).toEqual([expect.stringContaining('client0a1b2c3d')]);
});

describe('keys', () => {
  it.each(['client', 'bench', 'admin'] as const)(
    'of development are refused, whatever their name: %s',
    (name) => {
      const id = developmentKeyId(name, crypto.getRandomValues(new Uint8Array(4)));
      write('state/keys.yaml', { keys: [{ ...keyOf(id), name: 'Alice' }, keyOf('0a1b2c3d4e5f60718293')] });
      expect(missing()).toEqual([expect.stringContaining(`${id}: a development key`)]);
    },
  );

  it.each(['admin', 'clients1', 'benchmark1', '0a1b2c3d', 'admin0a1b2c3d4'])(
    'of other ids are not: %s',
    (id) => {
      write('state/keys.yaml', { keys: [keyOf(id)] });
      expect(missing()).toEqual([]);
    },
  );

  it('name tiers that exist', () => {
    write('state/keys.yaml', {
      keys: [keyOf('abcd1', 'bench'), keyOf('abcd2', 'bench'), keyOf('abcd3', 'toString')],
    });
    expect(missing()).toEqual([
      expect.stringMatching(/^API keys .* the tier bench;/),
      expect.stringMatching(/^API keys .* the tier toString;/),
    ]);
  });

  it('are needed where no issuer is', () => {
    write('state/keys.yaml', { keys: [] });
    expect(missing()).toEqual([expect.stringContaining('nobody may call')]);
    writeFileSync(join(root, 'state/keys.yaml'), 'keys: *Geheim12');
    expect(missing()[0]).toContain('keys.yaml: line 1, column 7: an alias');
    expect(missing()[0]).not.toContain('Geheim12');
  });
});

it.each([
  'localhost', 'api.localhost', 'api.example.com', 'EXAMPLE.org', 'a.example.net.', 'x.example', 'a.test', 'b.invalid', '127.0.0.1', '127.9.9.9', '::1',
  '*', '*.com', '*.example.com', 'a.*.acme.org', '0.0.0.0', '::', '[::1]', '::ffff:127.0.0.1', '127.1', '127.0.0.1.', '203.0.113.7', '224.0.0.1',
  'localhost.localdomain', 'localhost.localdomain.', 'localhost.local', 'foo.local', 'home.arpa', 'a.home.arpa', '..', '%', '.', 'acme', 'acme.org.', '.acme.org', 'a..acme.org',
  'localhost ', ' api.acme.org', 'api.acme.org:443', 'API.acme.org', '-a.acme.org', 'a_b.acme.org', 'https://api.acme.org', 'bücher.de',
  `${'a'.repeat(64)}.acme.org`, `${'a.'.repeat(126)}org`, 'api.acme.org\n',
])('refuses a host name that stands for none: %s', (name) => {
  const found = missing({ HEADGATE_ENVOY__SERVER_NAMES: JSON.stringify(['api.acme.org', name]) });
  expect(found).toEqual([expect.stringContaining(`Host names (envoy.server_names): ${name}: for`)]);
}); // biome-ignore format: the list

it.each([
  'example.com.acme.org',
  'localhost.acme.org',
  '*.acme.org',
  'xn--bcher-kva.de',
  '2620:fe::fe',
  'api.acme.org',
  '10.0.0.5',
  'myexample.com',
])('takes another host name: %s', (name) => {
  const found = missing({ HEADGATE_ENVOY__SERVER_NAMES: JSON.stringify([name]) });
  expect(found.filter((line) => line.startsWith('Host names'))).toEqual([]);
});

describe('certificates', () => {
  it('of the local authorities are refused, in either place', async () => {
    await makePublicCertificates(join(root, 'state/tls/internal'));
    await makeInternalCertificates(join(root, 'state/tls/public'));
    expect(missing()).toEqual([
      expect.stringMatching(/^Public certificate \(envoy.tls_dir\): .* of the local authority/),
      expect.stringMatching(/^Internal certificates \(envoy.internal_tls_dir\): .* of the local authority/),
    ]);
  });

  it.each([
    ['of another name', () => certificate('public', { name: 'acme.org' }), 'is not for api.acme.org'],
    ['that has ended', () => certificate('public', { days: -1 }), 'ended at'],
    ['without its key', () => rmSync(join(root, 'state/tls/public/tls.key')), 'tls.key is not in'],
    [
      'that is none',
      () => writeFileSync(join(root, 'state/tls/public/tls.crt'), 'Geheim12'),
      'is no certificate',
    ],
  ])('%s are refused', async (_, spoil, problem) => {
    await spoil();
    expect(missing()).toEqual([expect.stringContaining(problem)]);
    expect(missing()[0]).not.toContain('Geheim12');
  });
});

it.each(['keys.yaml', 'routing.yaml', 'internal.secret', 'tls/public/tls.crt'])(
  'waits for no pipe in place of a file: %s',
  (file) => {
    const path = join(root, 'state', file);
    rmSync(path);
    execFileSync('mkfifo', [path]);
    expect(missing()).toEqual([expect.stringContaining(path)]);
  },
);

it('asks each part for what it needs itself', () => {
  rmSync(join(root, 'state'), { recursive: true });
  const named = (part: (typeof PARTS)[number]) => {
    try {
      refuseUnready(configOf(), root, part);
      return [];
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      return [...(error as Error).message.matchAll(/^ {2}([A-Z][a-zA-Z ]+) \(/gm)].map(([, name]) => name);
    }
  };
  expect(named('gateway')).toEqual(['API keys', 'Routing table', 'Internal secret']);
  expect(named('inference')).toEqual(['Routing table', 'Internal secret']);
  expect(named('control')).toEqual(['Internal secret']);
  expect(named('envoy')).toEqual(['Internal secret', 'Public certificate', 'Internal certificates']);
});

it('warns of what may be on purpose', () => {
  const warnings = (env: Record<string, string>, environment = 'production') =>
    PARTS.flatMap((part) => warningsFor(configOf(env, environment), part));
  expect(warnings({ HEADGATE_GATEWAY__DOCS_PUBLIC: 'true' })).toEqual([
    expect.stringContaining('gateway.docs_public'),
    expect.stringContaining('inference.models_trust'),
  ]);
  expect(warnings({ HEADGATE_GATEWAY__DOCS_PUBLIC: 'true' }, 'dev')).toEqual([]);
});

it('has a row on the page for each requirement, and no other', () => {
  const page = readFileSync(join(ROOT, 'docs/production.md'), 'utf8');
  const rows = [...page.matchAll(/^\| ([A-Z][^|]*) \| `([^`|]+)`[^|]*\|.*\|.*\|$/gm)];
  expect(rows.map(([, name, setting]) => [name, setting])).toEqual(
    REQUIREMENTS.map(({ name, setting }) => [name, setting]),
  );
});
