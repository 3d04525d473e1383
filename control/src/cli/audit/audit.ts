import type { Command } from 'commander';
import type { Surroundings } from '../surroundings.ts';
import { addForget, addWhois } from './names.ts';
import { addPrepare } from './prepare.ts';
import { addVerify } from './verify.ts';

/** `headgate audit`: the audit logs of the gateways. */
export function addAudit(program: Command, around: Surroundings): void {
  const audit = program
    .command('audit')
    .description('verify audit logs, prepare their database, find a credential in them, erase one');
  for (const add of [addVerify, addPrepare, addWhois, addForget]) add(audit, around);
}
