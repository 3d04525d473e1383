import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { CliError } from './errors.ts';
import { print } from './print.ts';
import { replaceFile } from './replace-file.ts';
import { installationOf, type Surroundings } from './surroundings.ts';

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** `headgate certificate`: the certificate of the public listener. */
export function addCertificate(program: Command, around: Surroundings): void {
  program
    .command('certificate')
    .description('install the certificate of the public listener; a running Envoy follows at once')
    .command('install')
    .argument('<chain>', 'PEM file with the certificate and its chain, leaf first (fullchain.pem)')
    .argument('<key>', 'PEM file with the private key (privkey.pem)')
    .description(
      'check a certificate with its key, and put them where Envoy reads them; the deploy hook of ACME clients',
    )
    .option('--dir <path>', 'where Envoy reads (default: envoy.tls_dir of the configuration)')
    .action((chainFile: string, keyFile: string, options: { readonly dir?: string }, command: Command) => {
      const { root, config } = installationOf(command, around);
      const dir = options.dir ? resolve(around.cwd, options.dir) : resolve(root, config.envoy.tls_dir);
      const [chain, key] = [read(around, chainFile), read(around, keyFile)];
      const leaf = checkedLeaf(chain, key, config.envoy.server_names, around.nowMs());
      // In between they do not belong together: Envoy sees that, and keeps the old pair until the second is there.
      replaceFile(join(dir, 'tls.key'), () => key);
      replaceFile(join(dir, 'tls.crt'), () => chain);
      // The serial number as hex, as Envoy's statistics and browsers show it.
      const { serialNumber: serial, subjectAltName: names = '', validToDate } = leaf;
      const installed = { dir, serial, names, not_after: validToDate.toISOString() };
      print(command, around, installed, (it) => {
        return `certificate ${it.serial} for ${it.names}, valid until ${it.not_after}, is in ${it.dir}`;
      });
    });
}

function read({ cwd }: Surroundings, path: string): string {
  try {
    return readFileSync(resolve(cwd, path), 'utf8');
  } catch (cause) {
    throw new CliError('not_found', `${path} cannot be read`, {
      remedy: 'name the files of the chain and of the key, in this order',
      cause,
    });
  }
}

/**
 * The certificate of a listener, checked with its key. Envoy keeps its old pair when a new one does not fit together,
 * but it would serve one that has expired or is for another name.
 *
 * @param chain PEM, leaf first
 * @param names host names and addresses that the leaf must be good for
 * @throws CliError usage, for the first thing that is wrong
 */
function checkedLeaf(chain: string, key: string, names: readonly string[], nowMs: number): X509Certificate {
  const [leaf, ...issuers] = parsed('the file of the chain holds something that is no certificate', () =>
    (chain.match(PEM_CERTIFICATE) ?? []).map((pem) => new X509Certificate(pem)),
  );
  if (leaf === undefined) throw wrong('there is no certificate in the file of the chain');
  if (leaf.ca) throw wrong('the first certificate is that of an authority', 'put the leaf first');
  const noKey = 'the file of the key holds no private key that can be read without a password';
  const privateKey = parsed(noKey, () => createPrivateKey(key));
  if (!leaf.checkPrivateKey(privateKey)) throw wrong('the key is not that of the certificate');
  [leaf, ...issuers].reduce((subject, issuer) => {
    if (!subject.checkIssued(issuer))
      throw wrong('a certificate of the chain does not sign the one before it');
    return issuer;
  });
  if (nowMs < leaf.validFromDate.getTime()) throw wrong(`the certificate is valid from ${leaf.validFrom}`);
  if (nowMs >= leaf.validToDate.getTime()) throw wrong(`the certificate ended at ${leaf.validTo}`);
  const missing = names.filter((name) => !(isIP(name) ? leaf.checkIP(name) : leaf.checkHost(name)));
  if (missing.length === 0) return leaf;
  throw wrong(
    `the certificate is not for ${missing.join(', ')}`,
    'ask the authority for all of envoy.server_names, or name fewer there',
  );
}

function parsed<T>(otherwise: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw wrong(otherwise, undefined, cause);
  }
}

function wrong(
  message: string,
  remedy = 'nothing was installed; Envoy goes on with what it has',
  cause?: unknown,
) {
  return new CliError('usage', message, { remedy, cause });
}
