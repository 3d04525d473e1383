import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Step } from './runner.mjs';

const SECRET_FILE = 'state/internal.secret';

/** What the processes show each other (listen.internal_secret_file). A file that is there stays: others may share it. */
export const internalSecretStep: Step = {
  name: 'internal-secret',
  title: 'secret between the processes',
  inputs: ['scripts/setup/internal-secret.ts'],
  outputs: [SECRET_FILE],
  isDone: (root) => existsSync(join(root, SECRET_FILE)),
  run: async ({ root }) => {
    mkdirSync(join(root, 'state'), { recursive: true, mode: 0o700 });
    writeFileSync(join(root, SECRET_FILE), `${randomBytes(32).toString('hex')}\n`, {
      mode: 0o600,
      flag: 'wx',
    });
  },
  remedy: 'make sure that the folder state/ can be written, then run the same command again',
};
