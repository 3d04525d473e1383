import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { CliError } from '../errors.ts';
import { print } from '../print.ts';
import { replaceFile } from '../replace-file.ts';
import { installationOf, type Surroundings } from '../surroundings.ts';
import { checkPair } from './pair.ts';

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
      const { leaf, chain, key } = checkPair(read(around, chainFile), read(around, keyFile), {
        names: config.envoy.server_names,
        nowMs: around.nowMs(),
      });
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
