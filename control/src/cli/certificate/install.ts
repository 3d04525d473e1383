import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { CliError } from '../errors.ts';
import { globalsOf, print } from '../print.ts';
import { replaceFile } from '../replace-file.ts';
import { findInstallation, type Surroundings } from '../surroundings.ts';
import { checkPair } from './pair.ts';

interface InstallOptions {
  readonly dir?: string;
}

interface InstalledCertificate {
  readonly dir: string;
  /** Hexadecimal, as Envoy's statistics and browsers show it. */
  readonly serial: string;
  readonly names: string;
  readonly not_after: string;
}

export function addInstall(certificate: Command, around: Surroundings): void {
  certificate
    .command('install')
    .argument('<chain>', 'PEM file with the certificate and its chain, leaf first (fullchain.pem)')
    .argument('<key>', 'PEM file with the private key (privkey.pem)')
    .description(
      'check a certificate with its key, and put them where Envoy reads them; the deploy hook of ACME clients',
    )
    .option('--dir <path>', 'where Envoy reads (default: envoy.tls_dir of the configuration)')
    .action((chainFile: string, keyFile: string, options: InstallOptions, command: Command) => {
      const { root, config } = findInstallation(around, globalsOf(command).env);
      const { dir: chosen } = options;
      const dir = chosen === undefined ? resolve(root, config.envoy.tls_dir) : resolve(around.cwd, chosen);
      const { leaf, chain, key } = checkPair(read(around, chainFile), read(around, keyFile), {
        names: config.envoy.server_names,
        nowMs: around.nowMs(),
      });
      // In between they do not belong together: Envoy sees that, and keeps the old pair until the second is there.
      replaceFile(join(dir, 'tls.key'), () => key);
      replaceFile(join(dir, 'tls.crt'), () => chain);
      const { serialNumber: serial, subjectAltName: names = '', validToDate } = leaf;
      print<InstalledCertificate>(
        command,
        around,
        { dir, serial, names, not_after: validToDate.toISOString() },
        inWords,
      );
    });
}

function inWords({ dir, serial, names, not_after }: InstalledCertificate): string {
  return `certificate ${serial} for ${names}, valid until ${not_after}, is in ${dir}`;
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
