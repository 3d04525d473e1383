import { SpoolLockedError } from '@headgate/journal/spool/lock';
import { HashKeyError } from '@headgate/runtime/keyed-hash';
import { ConfigError } from '@headgate/runtime/load-config';
import { explainError } from '@headgate/runtime/logger';
import { FileError } from '@headgate/runtime/watch-file';
import { PortTakenError } from './server.ts';

const WRONG_SETUP = [ConfigError, FileError, HashKeyError, SpoolLockedError];

/** Exit codes: 2 = the configuration or a file it names is wrong, 3 = a port is taken, 1 = anything else. */
function exitCodeOf(error: unknown): number {
  if (WRONG_SETUP.some((kind) => error instanceof kind)) return 2;
  return error instanceof PortTakenError ? 3 : 1;
}

/** Ends the process: one clear line for what an operator can mend, everything for what only we can. */
export function exitWith(error: unknown): never {
  const code = exitCodeOf(error);
  console.error(code === 1 ? explainError(error) : `gateway: ${(error as Error).message}`);
  process.exit(code);
}
