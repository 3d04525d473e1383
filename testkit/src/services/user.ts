import { chownSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** User of a service; empty: the user of the tests. */
export interface User {
  readonly uid?: number;
  readonly gid?: number;
}

/** `nobody` when the tests run as root, because PostgreSQL refuses root; else the user of the tests. */
export function serviceUser(): User {
  if (process.getuid?.() !== 0) return {};
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('nobody:'));
  const [uid, gid] = line?.split(':').slice(2, 4).map(Number) ?? [];
  if (uid === undefined || gid === undefined) throw new Error('there is no user nobody on this machine');
  return { uid, gid };
}

/** Creates a folder for the data of one service, owned by `user`. */
export function serviceDir(name: string, user: User): string {
  const dir = mkdtempSync(join(tmpdir(), `headgate-${name}-`));
  giveTo(user, dir);
  return dir;
}

/** Writes a file that only `user` may read. */
export function writeFor(user: User, path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o600 });
  giveTo(user, path);
}

function giveTo({ uid, gid }: User, path: string): void {
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
}
