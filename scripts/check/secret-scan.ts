import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { goTool } from '@headgate/testkit/tools/go-tool';
import { CommandError } from '../setup/command.mjs';
import { type CheckContext, type CheckItem, checkCommand, SkippedCheck } from './item.ts';

const GITLEAKS = { path: 'github.com/zricethezav/gitleaks/v8', version: 'v8.30.1' };
/** Our rules, besides the built-in ones. */
const CONFIG = '.gitleaks.toml';

/** No secret in any commit. The scan must first find planted secrets in a separate folder; otherwise its result is void. */
export const secretScanItem: CheckItem = {
  name: 'secret scan',
  run: async (context) => {
    const gitleaks = await installed(context);
    const missed = await missedPlants(context, gitleaks);
    if (missed.length > 0) return missed;
    return checkCommand(context, gitleaks, ['git', ...optionsOf(context), '--verbose', '.']);
  },
};

function optionsOf({ root }: CheckContext): string[] {
  return ['--no-banner', '--no-color', '--redact', '--config', join(root, CONFIG)];
}

async function installed(context: CheckContext): Promise<string> {
  try {
    return await goTool(GITLEAKS, context);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new SkippedCheck(`gitleaks could not be built: ${error.tail.at(-1) ?? error.message}`);
  }
}

/** Generated at run time, so that the repository holds none: one of our keys, and a well-known kind. */
function plants(): Readonly<Record<string, string>> {
  const random = (length: number) =>
    Array.from(crypto.getRandomValues(new Uint8Array(length)), (byte) => (byte % 36).toString(36)).join('');
  return {
    'an API key of this service': `key: hg_${random(8)}_${random(32)}\n`,
    'a private key': `-----BEGIN PRIVATE KEY-----\n${random(64)}\n${random(64)}\n-----END PRIVATE KEY-----\n`,
  };
}

async function missedPlants(context: CheckContext, gitleaks: string): Promise<readonly string[]> {
  const missed: string[] = [];
  for (const [what, text] of Object.entries(plants())) {
    using folder = mkdtempDisposableSync(join(tmpdir(), 'headgate-planted-'));
    const dir = folder.path;
    writeFileSync(join(dir, 'planted.txt'), text);
    const found = await checkCommand(context, gitleaks, ['dir', ...optionsOf(context), dir]);
    if (!found.some((line) => /leaks found: \d/.test(line))) missed.push(`gitleaks does not find ${what}`);
  }
  return missed;
}
