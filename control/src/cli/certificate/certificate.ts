import type { Command } from 'commander';
import type { Surroundings } from '../surroundings.ts';
import { addInstall } from './install.ts';

/** `headgate certificate`: the certificate of the public listener. */
export function addCertificate(program: Command, around: Surroundings): void {
  const certificate = program
    .command('certificate')
    .description('install the certificate of the public listener; a running Envoy follows at once');
  addInstall(certificate, around);
}
