import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seedRouting } from '@headgate/testkit/routing';
import { type Stack, startStack } from '@headgate/testkit/stack';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** The stack that most files share: a start costs seconds, and the stack must recover from each test. */
    stack: Stack;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dir = mkdtempSync(join(tmpdir(), 'headgate-e2e-routing-'));
  const routingFile = join(dir, 'routing.yaml');
  seedRouting(routingFile);
  const { supervisor: _, stop, ...stack } = await startStack({ env: { HEADGATE_ROUTING_FILE: routingFile } });
  project.provide('stack', stack);
  return async () => {
    const orphans = await stop();
    rmSync(dir, { recursive: true, force: true });
    if (orphans.length > 0) throw new Error(`processes outlived Ctrl-C: ${orphans.join(', ')}`);
  };
}
