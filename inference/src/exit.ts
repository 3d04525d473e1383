import { SpoolLockedError } from '@headgate/journal/spool/lock';
import { ConfigError } from '@headgate/runtime/load-config';
import { explainError } from '@headgate/runtime/logger';
import { FileError } from '@headgate/runtime/watch-file';
import { PortTakenError } from './listen.ts';
import { LoadError } from './load-error.ts';

/** How the process ends. */
export interface Exit {
  /** 2 = the configuration or a file it names is wrong, 3 = a port is taken, 1 = anything else. */
  readonly code: 1 | 2 | 3;
  /** One clear line for what an operator can mend, everything for what only we can. */
  readonly text: string;
}

const WRONG_SETUP = [ConfigError, FileError, LoadError, SpoolLockedError];

/** Exit code and message of a failed start. */
export function exitOf(error: unknown): Exit {
  if (error instanceof PortTakenError) return { code: 3, text: error.message };
  const isSetup = WRONG_SETUP.some((kind) => error instanceof kind);
  return isSetup ? { code: 2, text: (error as Error).message } : { code: 1, text: explainError(error) };
}
