import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openApiDocument } from '../../gateway/src/openapi.ts';
import { type CheckContext, type CheckItem, checkCommand } from './item.ts';

/** Python's parser, without writing compiled files. */
const PARSE = 'import ast, sys; [ast.parse(open(name).read(), name) for name in sys.argv[1:]]';

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
];

function bin({ root }: CheckContext, name: string): string {
  return join(root, 'node_modules/.bin', name);
}

async function lintOpenApi(context: CheckContext): Promise<readonly string[]> {
  mkdirSync(join(context.root, 'state/check'), { recursive: true });
  writeFileSync(join(context.root, OPENAPI_FILE), JSON.stringify(openApiDocument(), null, 2));
  return checkCommand(context, bin(context, 'redocly'), ['lint', OPENAPI_FILE]);
}

/** Hand-written Python. */
const PYTHON_FOLDERS = ['scripts/model', 'test/clients'];

/** ruff where it is installed, else Python's parser. Skipped without Python. */
async function lintPython(context: CheckContext): Promise<readonly string[]> {
  const ruff = join(context.root, '.venv/bin/ruff');
  if (existsSync(ruff)) {
    const lint = await checkCommand(context, ruff, ['check', ...PYTHON_FOLDERS]);
    return [...lint, ...(await checkCommand(context, ruff, ['format', '--check', ...PYTHON_FOLDERS]))];
  }
  const python = join(context.root, '.venv/bin/python');
  if (!existsSync(python)) return [];
  const files = PYTHON_FOLDERS.flatMap((folder) =>
    readdirSync(join(context.root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.py'))
      .map((file) => join(folder, file)),
  );
  return checkCommand(context, python, ['-c', PARSE, ...files]);
}
