import { execFile } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { CheckItem } from './item.ts';

/** Larger files do not belong in Git: setup creates or fetches them. */
const MAX_BYTES = 1_000_000;
/** Binary files, or files with examples of the forbidden text. */
const NOT_SEARCHED =
  /\.(png|jpe?g|webp|onnx|binpb|ico)$|^package-lock\.json$|^scripts\/check\/repository\.test\.ts$/;
const HOME_PATH = /(?<![\w.~-])\/(?:home|Users)\/[\w.-]+\//;
/** Public registries may be named; private mirrors may not. */
const REGISTRY_HOST =
  /\bhttps?:\/\/(?!registry\.npmjs\.org|pypi\.org)[\w.-]*(?:registry|npm|pypi|mirror|proxy)[\w-]*\.[\w.-]+/;

/** Checks that files keep private names out of the repository. */
export const repositoryItems: readonly CheckItem[] = [
  {
    name: 'no large files',
    run: async ({ root }) =>
      (await trackedFiles(root))
        .filter((file) => sizeOf(join(root, file)) > MAX_BYTES)
        .map((file) => `${file} is larger than 1 MB`),
  },
  {
    name: 'no traces of a machine',
    run: async ({ root }) => {
      const places = machinePlaces(root, homedir());
      const files = (await trackedFiles(root)).filter((file) => !NOT_SEARCHED.test(file));
      return files.flatMap((file) => traces(file, textOf(join(root, file)), places));
    },
  },
];

/** Tracked files that exist. A link to a folder is none: Git tracks the files behind it by their own names. */
export async function trackedFiles(root: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)('git', ['ls-files', '-z'], {
    cwd: root,
    maxBuffer: 16 * 1024 * 1024,
  });
  return stdout.split('\0').filter((file) => file !== '' && isFile(join(root, file)));
}

/** Folders that every machine has: their names reveal nothing. */
const CONVENTIONAL = new Set([
  '/',
  '/app/',
  '/home/',
  '/mnt/',
  '/opt/',
  '/srv/',
  '/tmp/',
  '/usr/src/',
  '/var/tmp/',
]);

/** Absolute paths of this machine: the checkout, its parent folder, the home folder. */
export function machinePlaces(root: string, home: string): string[] {
  const places = [root, dirname(root), home].map((path) => `${path.replace(/\/$/, '')}/`);
  return places.filter((path) => !CONVENTIONAL.has(path));
}

/** Lines of a file that name a path of this machine, a home folder, or a private registry. */
export function traces(file: string, text: string, places: readonly string[]): string[] {
  return text.split('\n').flatMap((line, index) => {
    const found =
      places.some((place) => namesPlace(line, place)) || HOME_PATH.test(line) || REGISTRY_HOST.test(line);
    return found ? [`${file}:${index + 1}: ${line.trim().slice(0, 120)}`] : [];
  });
}

/** Only as the beginning of a path: neither `lib/srv/` nor `${dir}/srv/` matches `/srv/`. */
function namesPlace(line: string, place: string): boolean {
  const at = line.indexOf(place);
  return at >= 0 && !/[\w.~}-]/.test(line[at - 1] ?? '');
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? -1;
}

function textOf(path: string): string {
  return readFileSync(path, 'utf8');
}
