import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '@headgate/testkit/root';
import { seedRouting } from '@headgate/testkit/routing';
import { type OwnedStack, startStack } from '@headgate/testkit/stack';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const TUTORIALS = join(ROOT, 'docs/tutorials');

/** A fenced block of Markdown that a reader runs (`sh`) or saves (`title=FILE`). */
interface Block {
  readonly line: number;
  readonly text: string;
  readonly file: string | undefined;
}

function blocksOf(name: string): Block[] {
  const text = readFileSync(join(TUTORIALS, name), 'utf8');
  return [...text.matchAll(/^```(\w+)(?: title=(\S+))?\n([\s\S]*?)^```$/gm)]
    .filter(([, language, file]) => language === 'sh' || file !== undefined)
    .map(({ 2: file, 3: body = '', index }) => ({
      line: text.slice(0, index).split('\n').length,
      text: body,
      file,
    }));
}

let stack: OwnedStack;
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'headgate-e2e-tutorials-'));
  const routingFile = join(dir, 'routing.yaml');
  seedRouting(routingFile);
  stack = await startStack({ env: { HEADGATE_ROUTING_FILE: routingFile } });
});
afterAll(async () => {
  const orphans = await stack?.stop();
  rmSync(dir, { recursive: true, force: true });
  expect(orphans).toEqual([]);
});

/** A reader would ask again: records are delivered within seconds, the first one when the store is made. */
const RECORDS_ARRIVE = `npx() {
  [[ "$*" == "headgate records show"* ]] || { command npx "$@"; return; }
  for n in {1..30}; do command npx "$@" && return; sleep 1; done
  return 1
}`;

/** One shell runs all blocks, as a reader's does; the ports are those of this stack. */
function scriptOf(blocks: readonly Block[]): string {
  const steps = blocks.map(({ line, text, file }) => {
    const here = text
      .replaceAll(
        /\b(localhost|127\.0\.0\.1):84(4\d)/g,
        (_, host, port) => `${host}:${stack.portBase + Number(port) - 40}`,
      )
      .replaceAll('state/routing.yaml', stack.routingFile);
    const command = file === undefined ? here : `cat > ${file} <<'END_OF_FILE'\n${here}END_OF_FILE\n`;
    return `echo "### line ${line}"\n${command}`;
  });
  return ['set -euo pipefail', RECORDS_ARRIVE, ...steps].join('\n');
}

/** What the commands of a tutorial print. A command that fails, fails the test. */
async function run(name: string): Promise<string> {
  const { stdout } = await promisify(execFile)('bash', ['-c', scriptOf(blocksOf(name))], {
    cwd: ROOT,
    env: {
      ...process.env,
      // requests is no package of Python's own.
      PATH: [join(ROOT, 'pipelines/.venv/bin'), process.env.PATH].join(delimiter),
      HEADGATE_LISTEN__PORT_BASE: String(stack.portBase),
      HEADGATE_ROUTING_FILE: stack.routingFile,
    },
  });
  return stdout;
}

describe('The commands of a tutorial do what it says', () => {
  it('first-photo.md', async () => {
    const output = await run('first-photo.md');
    expect(output).toMatch(/^cat\.png: .*\bcat \(0\.\d\d\)$/m);
    expect(output).toMatch(/^(tiger|Egyptian) cat$/m);
    for (const reason of ['missing_credential', 'unsupported_media_type', 'body_too_large', 'rate_limited']) {
      expect(output).toContain(`"reason":"${reason}"`);
    }
  });

  it('your-first-experiment.md', { timeout: 240_000 }, async () => {
    const output = await run('your-first-experiment.md');
    expect(output).toMatch(/assigned +fp32[\s\S]+assigned +int8/);
    expect(output).toMatch(/^ {2}success_rate +int8 +100 %/m);
    expect(output).toMatch(/PROMOTED/);
    expect(output).toMatch(/version 1 gets all units, in place of version 2/);
  });
});
