import { mkdirSync, mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type CheckContext, type CheckItem, checkCommand } from './item.ts';
import { pythonTool } from './python-tool.ts';
import { PLANTED } from './semgrep/planted.ts';

const RULES = 'scripts/check/semgrep/rules.yaml';
/** Generated. */
const EXCLUDED = ['gen', 'dist', 'node_modules'];

/** semgrep with our rules. Every rule must find its planted line; otherwise its silence means nothing. */
export const sourceRulesItem: CheckItem = {
  name: 'source rules',
  run: async (context) => {
    const semgrep = await pythonTool(context, 'semgrep');
    const missed = await missedPlants(context, semgrep);
    if (missed.length > 0) return missed;
    return scan(context, semgrep, context.root);
  },
};

/**
 * One line per finding. Nothing is sent or fetched: rules and code are local, and metrics are off. The whole folder is
 * scanned, because the rules name paths from its root; files that Git does not track are left out.
 */
function scan(context: CheckContext, semgrep: string, root: string): Promise<readonly string[]> {
  const rules = join(context.root, RULES);
  const quiet = ['--metrics=off', '--disable-version-check', '--quiet'];
  const form = ['--error', '--emacs', '--jobs', '1', ...EXCLUDED.map((name) => `--exclude=${name}`)];
  return checkCommand({ ...context, root }, semgrep, ['scan', '--config', rules, ...quiet, ...form, '.']);
}

async function missedPlants(context: CheckContext, semgrep: string): Promise<string[]> {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'headgate-rules-'));
  const root = folder.path;
  for (const { file, line } of Object.values(PLANTED)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), `${line}\n`);
  }
  const found = (await scan(context, semgrep, root)).join('\n');
  return missedIn(found);
}

/** Rules that did not find their planted line. */
export function missedIn(report: string): string[] {
  const lines = report.split('\n');
  return Object.entries(PLANTED)
    .filter(([id, { file }]) => !lines.some((line) => line.includes(file) && line.includes(id)))
    .map(([id]) => `the rule ${id} does not find what was planted for it`);
}
