import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { headsIn, type ReadHeads } from '@headgate/journal/audit/heads';

/** All heads of a file, and of those that it was rotated to (`NAME.1`), oldest first. A missing file holds none. */
export async function readHeads(path: string): Promise<ReadHeads> {
  const [dir, name] = [dirname(path), basename(path)];
  const names = await readdir(dir).catch(() => []);
  const isRotated = (one: string) => one.startsWith(name) && /^\.\d+$/.test(one.slice(name.length));
  const age = (one: string) => Number(one.slice(name.length + 1));
  const rotated = names.filter(isRotated).sort((a, b) => age(b) - age(a));
  const parts: ReadHeads[] = [];
  for (const one of [...rotated, name]) parts.push(await headsIn(join(dir, one)));
  return {
    heads: parts.flatMap(({ heads }) => heads),
    unreadable: parts.reduce((sum, { unreadable }) => sum + unreadable, 0),
  };
}

/** Unreadable lines of a heads file, as sentences. */
export function uncheckedIn(path: string, { unreadable }: ReadHeads): string[] {
  return unreadable > 0 ? [`${unreadable} lines of ${path} are no heads`] : [];
}
