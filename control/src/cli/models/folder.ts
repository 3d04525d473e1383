import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describeIssues, IN_WORDS } from '@headgate/contracts/issues';
import { type Manifest, manifestSchema } from '@headgate/contracts/manifest';
import { parseYaml } from '@headgate/runtime/parse-yaml';
import { readRegularFileSync } from '@headgate/runtime/read-file';
import { CliError } from '../errors.ts';

/** A version in the models folder: its manifest, or why that cannot be read. */
export interface FolderVersion {
  readonly model: string;
  readonly version: string;
  readonly folder: string;
  readonly manifest?: Manifest;
  readonly problem?: string;
}

/** As inference reads it. */
const MAX_MANIFEST_BYTES = 64 * 2 ** 10;

/** NAME or NAME/VERSION, as people write it. @throws CliError usage */
export function namedVersion(text: string): { readonly model: string; readonly version?: string } {
  const [model = '', version, ...more] = text.split('/');
  if (
    model === '' ||
    version === '' ||
    more.length > 0 ||
    [model, version].some((one) => one?.startsWith('.'))
  ) {
    throw new CliError('usage', `${text} names no version`, {
      remedy: 'write NAME/VERSION, such as shoes/1',
    });
  }
  return version === undefined ? { model } : { model, version };
}

/**
 * The versions of the models folder, by name and number.
 *
 * @param only a model, or one version of it
 * @throws CliError not_found, where `only` names none
 */
export function versionsIn(models: string, only?: ReturnType<typeof namedVersion>): FolderVersion[] {
  const found = namesIn(models)
    .filter((model) => only === undefined || model === only.model)
    .flatMap((model) =>
      namesIn(join(models, model))
        .filter((version) => only?.version === undefined || version === only.version)
        .map((version) => read(models, model, version)),
    );
  if (only === undefined || found.length > 0) return found;
  const { model, version } = only;
  throw new CliError(
    'not_found',
    `${models} has no ${version ? `version ${version} of ${model}` : `model ${model}`}`,
    {
      remedy: `headgate models list shows what is there; headgate models import adds a version`,
    },
  );
}

/** Folders, numbers in their order; names with a leading dot are unfinished. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => !entry.name.startsWith('.') && (entry.isDirectory() || entry.isSymbolicLink()))
      .map(({ name }) => name)
      .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  } catch {
    return [];
  }
}

function read(models: string, model: string, version: string): FolderVersion {
  const folder = join(models, model, version);
  const found = { model, version, folder };
  try {
    const bytes = readRegularFileSync(join(folder, 'manifest.yaml'), { maxBytes: MAX_MANIFEST_BYTES });
    const parsed = manifestSchema.safeParse(parseYaml(bytes.toString()), IN_WORDS);
    if (!parsed.success) return { ...found, problem: describeIssues(parsed.error).join('; ') };
    return { ...found, manifest: parsed.data };
  } catch (error) {
    return { ...found, problem: error instanceof Error ? error.message : String(error) };
  }
}
