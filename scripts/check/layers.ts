import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckItem } from './item.ts';
import { trackedFiles } from './repository.ts';

const BELOW = ['contracts', 'runtime', 'journal', 'stores'];

/** By folder: which other folders its shipped code may import. A folder that is not named here is free. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  contracts: [],
  runtime: ['contracts'],
  journal: ['contracts', 'runtime'],
  stores: ['contracts', 'runtime'],
  gateway: BELOW,
  control: [...BELOW, 'simulator'],
  inference: ['contracts', 'runtime', 'journal'],
  simulator: ['contracts', 'runtime', 'inference'],
  envoy: ['contracts', 'runtime'],
  console: ['contracts'],
  testkit: [...BELOW, 'scripts'],
  'k8s/deploy': ['contracts', 'runtime', 'scripts'],
  'scripts/setup': ['contracts', 'runtime', 'scripts'],
  'scripts/serve': ['contracts', 'runtime', 'envoy', 'scripts'],
};

/** Tests and their helpers may import anything. */
const TEST = /\.test\.ts$|\/testing(\/|\.ts$)|\/test\//;
const SPECIFIER = /(?:\b(?:from|import)\s+|\bimport\(\s*|\brequire(?:\.resolve)?\(\s*)'([^'\n]+)'/g;

/** Text by path. */
export type Sources = Readonly<Record<string, string>>;

/** Imports point one way (decision 0065), and each package names in its package.json what it imports. */
export const layersItem: CheckItem = {
  name: 'imports point one way',
  run: async ({ root }) => layerProblems(await readSources(root)),
};

/** Code and package.json of the whole checkout. */
export async function readSources(root: string): Promise<Sources> {
  const files = (await trackedFiles(root)).filter((file) =>
    /\.[cm]?[jt]sx?$|(^|\/)package\.json$/.test(file),
  );
  return Object.fromEntries(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
}

/** One line per import that is not allowed, or that package.json does not name. */
export function layerProblems(sources: Sources): string[] {
  return Object.keys(MAY_IMPORT).flatMap((folder) =>
    Object.keys(sources)
      .filter((file) => file.startsWith(`${folder}/`) && !TEST.test(file))
      .flatMap((file) =>
        specifiersIn(sources[file]).flatMap((name) => problemOf(folder, file, name, sources)),
      ),
  );
}

function problemOf(folder: string, file: string, specifier: string, sources: Sources): string[] {
  const name = packageOf(specifier);
  const target = specifier.startsWith('.')
    ? join(file, '..', specifier).split('/')[0]
    : /^@headgate\/(.+)/.exec(name)?.[1];
  if (target !== undefined && !folder.startsWith(target) && !MAY_IMPORT[folder]?.includes(target)) {
    return [`${file}: ${folder} must not import ${target}`];
  }
  const declared = sources[`${folder}/package.json`];
  if (declared === undefined || specifier.startsWith('.') || isDeclared(declared, folder, name)) return [];
  return [`${file}: ${folder}/package.json does not name ${name}`];
}

/** Nothing of testkit ships, so all that it needs is for development. */
function isDeclared(packageJson: string, folder: string, name: string): boolean {
  const { dependencies = {}, devDependencies = {} } = JSON.parse(packageJson);
  return name in (folder === 'testkit' ? devDependencies : dependencies);
}

/** Packages from npm that a program loads or may load, through all workspaces that it reaches. */
export function reachedPackages(sources: Sources, entries: readonly string[]): Set<string> {
  const reached = new Set<string>();
  const files = new Set(entries);
  for (const file of files) {
    if (sources[file] === undefined) throw new Error(`${file} does not exist`);
    for (const specifier of specifiersIn(sources[file])) {
      const path = pathOf(file, specifier, sources);
      if (path === undefined) reached.add(packageOf(specifier));
      else files.add(path);
    }
  }
  return reached;
}

/** File of a relative import or of an export of a workspace; undefined for a package from npm. */
function pathOf(file: string, specifier: string, sources: Sources): string | undefined {
  if (specifier.startsWith('.')) return join(file, '..', specifier);
  const [, workspace, name = ''] = /^@headgate\/([^/]+)\/(.+)$/.exec(specifier) ?? [];
  if (workspace === undefined) return undefined;
  const { exports } = JSON.parse(sources[`${workspace}/package.json`] ?? '{}');
  return join(workspace, exports[`./${name}`] ?? exports['./*'].replace('*', name));
}

/** Without what comes with Node. */
function specifiersIn(text = ''): string[] {
  const all = [...text.matchAll(SPECIFIER)].map(([, specifier]) => specifier as string);
  return all.filter((specifier) => !specifier.startsWith('node:'));
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}
