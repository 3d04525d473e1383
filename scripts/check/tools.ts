import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openApiDocument } from '../../gateway/src/openapi.ts';
import { type CheckContext, type CheckItem, checkCommand, SkippedCheck } from './item.ts';

const OPENAPI_FILE = 'state/check/openapi.json';

/** Checks that an external tool does. */
export const toolItems: readonly CheckItem[] = [
  { name: 'types', run: (context) => checkCommand(context, bin(context, 'tsc'), ['-p', '.']) },
  {
    name: 'types of the console',
    run: (context) => checkCommand(context, bin(context, 'tsc'), ['-p', 'console']),
  },
  { name: 'lint and format', run: (context) => checkCommand(context, bin(context, 'biome'), ['check']) },
  { name: 'contract lint', run: (context) => checkCommand(context, bin(context, 'buf'), ['lint']) },
  {
    name: 'contract breaks nobody',
    run: (context) =>
      checkCommand(context, bin(context, 'buf'), ['breaking', '--against', 'protos/released.binpb']),
  },
  { name: 'OpenAPI lint', run: lintOpenApi },
  { name: 'Python lint', run: lintPython },
  { name: 'Python types', run: typePython },
  { name: 'Python security', run: scanPython },
];

function bin({ root }: CheckContext, name: string): string {
  return join(root, 'node_modules/.bin', name);
}

async function lintOpenApi(context: CheckContext): Promise<readonly string[]> {
  mkdirSync(join(context.root, 'state/check'), { recursive: true });
  writeFileSync(join(context.root, OPENAPI_FILE), JSON.stringify(openApiDocument(), null, 2));
  return checkCommand(context, bin(context, 'redocly'), ['lint', OPENAPI_FILE]);
}

function pythonTool({ root }: CheckContext, name: string): string {
  const program = join(root, 'pipelines/.venv/bin', name);
  if (!existsSync(program)) throw new SkippedCheck('npm test installs the environment of pipelines/');
  return program;
}

async function lintPython(context: CheckContext): Promise<readonly string[]> {
  const ruff = pythonTool(context, 'ruff');
  const lint = await checkCommand(context, ruff, ['check', 'pipelines']);
  return [...lint, ...(await checkCommand(context, ruff, ['format', '--check', 'pipelines']))];
}

/** mypy reads its configuration, with the folders, from the current folder. */
async function typePython(context: CheckContext): Promise<readonly string[]> {
  const mypy = pythonTool(context, 'mypy');
  const folders = ['pipelines', 'pipelines/airflow'].filter((folder) =>
    existsSync(join(context.root, folder, '.venv')),
  );
  const inside = (folder: string) => checkCommand({ ...context, root: join(context.root, folder) }, mypy, []);
  return (await Promise.all(folders.map(inside))).flat();
}

function scanPython(context: CheckContext): Promise<readonly string[]> {
  const args = ['--quiet', '--severity-level', 'medium', '--recursive', 'pipelines/src'];
  return checkCommand(context, pythonTool(context, 'bandit'), args);
}
