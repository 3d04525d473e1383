import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { CliError } from '../errors.ts';
import { milliseconds } from '../in-words.ts';
import { print, table } from '../print.ts';
import { withProgress } from '../progress.ts';
import { type Installation, installationOf, type Surroundings } from '../surroundings.ts';
import { type FolderVersion, namedVersion, versionsIn } from './folder.ts';

/** What inference/src/probe.ts says of a version that it has loaded. */
interface Loaded {
  readonly load_ms: number;
  readonly compared: number;
  /** Golden samples that are not here. */
  readonly skipped: readonly string[];
  readonly largest_difference: number;
}

interface Verified {
  readonly model: string;
  readonly version: string;
  readonly loaded: Loaded | null;
  readonly problem: string | null;
}

export function addVerify(models: Command, around: Surroundings): void {
  models
    .command('verify')
    .argument('<name/version>', 'version in the models folder, or a model for all of its versions')
    .description(
      'load a version as inference does: digests, every batch size, golden samples; exit code 1 where it fails',
    )
    .action(async (name: string, _: unknown, command: Command) => {
      const installation = installationOf(command, around);
      const models = resolve(installation.root, installation.config.inference.models_dir);
      const verified: Verified[] = [];
      for (const version of versionsIn(models, namedVersion(name))) {
        const work = verify(version, installation, around);
        verified.push(await withProgress(`loading ${version.model}/${version.version}`, around, work));
      }
      print(command, around, verified, inWords);
      const bad = verified.filter(({ problem }) => problem !== null);
      if (bad.length === 0) return;
      throw new CliError('failed', `${bad.length} of ${verified.length} versions cannot be served`, {
        remedy: 'restore the files of the version, or import the model again',
      });
    });
}

/** @throws CliError failed, where inference is not installed beside this program */
async function verify(
  { model, version, folder }: FolderVersion,
  { root }: Pick<Installation, 'root'>,
  { env }: Pick<Surroundings, 'env'>,
): Promise<Verified> {
  const programs = [join(root, 'inference/src/probe.ts'), join(root, 'inference/dist/probe.js')];
  const program = programs.find((path) => existsSync(path));
  if (program === undefined) {
    throw new CliError('failed', `${root} has no inference that could load a version`, {
      remedy: 'run the command in a checkout, or in the image of inference',
    });
  }
  const args = [program, '--load-only', '--version-dir', folder, '--samples-dir', join(root, 'samples')];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...env } });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  const [out, words, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (code === 0) return { model, version, loaded: JSON.parse(out).loaded, problem: null };
  return { model, version, loaded: null, problem: words.trim() || `the engine ended with exit code ${code}` };
}

function inWords(verified: readonly Verified[]): string {
  const rows = verified.map(({ model, version, loaded }) => [
    model,
    version,
    loaded ? 'can be served' : 'CANNOT BE SERVED',
    loaded ? `${loaded.compared} of ${loaded.compared + loaded.skipped.length}` : '-',
    loaded && loaded.compared > 0 ? loaded.largest_difference.toPrecision(2) : '-',
    milliseconds(loaded?.load_ms ?? null),
  ]);
  const head = ['MODEL', 'VERSION', 'RESULT', 'GOLDEN', 'DIFFERENCE', 'LOADED IN'];
  const problems = verified.flatMap(({ model, version, problem }) =>
    problem === null ? [] : [`${model}/${version}: ${problem}`],
  );
  return [table(head, rows), ...problems].join('\n');
}
