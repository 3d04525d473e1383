import { dirname, join } from 'node:path';
import { cachedVenv } from '@headgate/testkit/tools/venv';
import { type CheckContext, SkippedCheck } from './item.ts';

/**
 * Path of a checking tool from PyPI, installed from `scripts/check/<name>/requirements.txt` once per machine.
 *
 * @throws SkippedCheck when it cannot be installed
 */
export async function pythonTool({ root, guard, signal }: CheckContext, name: string): Promise<string> {
  try {
    const python = join(root, '.venv/bin/python');
    const requirements = join(root, 'scripts/check', name, 'requirements.txt');
    const options = { name, requirements, python, guard, signal, progress: () => undefined };
    return join(dirname(await cachedVenv(options)), name);
  } catch (error) {
    signal.throwIfAborted();
    throw new SkippedCheck(
      `${name} could not be installed: ${error instanceof Error ? error.message : error}`,
    );
  }
}
