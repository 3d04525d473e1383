import { mkdtempDisposableSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KERNEL_SOURCE_SHA256 } from '../../inference/src/gen/resize-kernel.ts';
import { GENERATED, generateContracts } from '../generate/contracts.ts';
import { digestOfSource, KERNEL_MODULE } from '../generate/resize-kernel.ts';
import type { CheckItem } from './item.ts';

/** Generated code is what the generator writes today. */
export const generatedItem: CheckItem = {
  name: 'generated code is current',
  run: async ({ root }) => {
    using folder = mkdtempDisposableSync(join(tmpdir(), 'headgate-generate-'));
    const fresh = folder.path;
    await generateContracts(root, fresh);
    const different = GENERATED.flatMap((folder) => differences(join(fresh, folder), join(root, folder)));
    return [
      ...different.map((file) => `${file} differs; run npm run generate and commit what it writes`),
      // The compiler has 100 MB, so this compares the source with the one that was compiled.
      ...(digestOfSource(root) === KERNEL_SOURCE_SHA256
        ? []
        : [`${KERNEL_MODULE} is older than its source; run npm run generate -- --resize and commit it`]),
    ];
  },
};

/** Names of files that differ between the folders or exist in one only. */
export function differences(left: string, right: string): string[] {
  const files = new Set([...filesIn(left), ...filesIn(right)]);
  return [...files].sort().filter((file) => contentOf(join(left, file)) !== contentOf(join(right, file)));
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // only in the other folder
  }
}
