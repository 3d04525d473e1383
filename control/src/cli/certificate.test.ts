import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DAY_MS } from '@headgate/runtime/clock';
import { tempDir } from '@headgate/testkit/folders';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Authority, createAuthority, type Identity } from '../../../scripts/setup/certificates.ts';
import { headgate } from '../testing/command-line.ts';

let authority: Authority;
let good: Identity;
beforeAll(async () => {
  authority = await createAuthority('An authority');
  good = await authority.issue('localhost', 'server');
});

let dir: string;
beforeEach(() => {
  dir = tempDir();
});

const served = () => join(dir, 'served');
const write = (name: string, text: string) => {
  writeFileSync(join(dir, name), text);
  return join(dir, name);
};

/** The names of the development layer are those of the certificates here. */
function install(
  chain: string,
  key: string,
  { nowMs = Date.now(), names = '["localhost", "127.0.0.1"]' } = {},
) {
  const files = [write('chain.pem', chain), write('key.pem', key)];
  return headgate(['certificate', 'install', ...files, '--dir', served(), '--json'], {
    nowMs: () => nowMs,
    env: { HEADGATE_ENVOY__SERVER_NAMES: names },
  });
}

it('puts key and chain where Envoy reads them, the key for its owner alone, and says what they are', async () => {
  const chain = `${good.certificate}\n${authority.certificate}`;
  const { code, out } = await install(chain, good.key);
  expect(code).toBe(0);
  const leaf = new X509Certificate(good.certificate);
  expect(JSON.parse(out)).toMatchObject({ dir: served(), serial: leaf.serialNumber });
  expect(readFileSync(join(served(), 'tls.crt'), 'utf8')).toBe(chain);
  expect(readFileSync(join(served(), 'tls.key'), 'utf8')).toBe(good.key);
  expect(statSync(join(served(), 'tls.key')).mode & 0o777).toBe(0o600);
  expect(readdirSync(served()).sort()).toEqual(['tls.crt', 'tls.key']);
});

describe('what Envoy could not serve, or nobody would believe, is not installed', () => {
  it.each([
    ['no certificate at all', async () => install('', good.key), 'no certificate'],
    [
      'something else between the marks',
      async () => install('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', good.key),
      'something that is no certificate',
    ],
    ['no key', async () => install(good.certificate, 'none'), 'no private key'],
    [
      'the key of another certificate',
      async () => install(good.certificate, (await authority.issue('localhost', 'server')).key),
      'not that of the certificate',
    ],
    [
      'the authority first',
      async () => install(`${authority.certificate}\n${good.certificate}`, good.key),
      'that of an authority',
    ],
    [
      'the chain of somebody else',
      async () => install(`${good.certificate}\n${(await createAuthority('Another')).certificate}`, good.key),
      'does not sign the one before it',
    ],
    [
      'one that has ended',
      async () => install(good.certificate, good.key, { nowMs: Date.now() + 366 * DAY_MS }),
      'ended at',
    ],
    [
      'one that is not valid yet',
      async () => install(good.certificate, good.key, { nowMs: Date.now() - DAY_MS }),
      'valid from',
    ],
    [
      'one for other names',
      async () =>
        install(good.certificate, good.key, { names: '["localhost", "api.example.com", "192.0.2.1"]' }),
      'not for api.example.com, 192.0.2.1',
    ],
  ])('%s', async (_, attempt, why) => {
    const { code, err } = await attempt();
    expect(code).toBe(2);
    expect(JSON.parse(err).error.message).toContain(why);
    expect(readdirSync(dir)).not.toContain('served');
    expect(err).not.toContain('PRIVATE KEY');
  });
});
