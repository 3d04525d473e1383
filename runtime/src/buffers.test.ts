import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

/** Passes 600 MB of short-lived buffers through a process, and counts its full collections. */
const PASS_BUFFERS = `
  import { constants, PerformanceObserver } from 'node:perf_hooks';
  let full = 0;
  const observer = new PerformanceObserver((list) => {
    full += list.getEntries().filter(({ detail }) => detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR).length;
  });
  observer.observe({ entryTypes: ['gc'] });
  for (let round = 0; round < 60; round += 1) {
    for (let i = 0; i < 100; i += 1) Buffer.allocUnsafeSlow(100_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  console.log(full);
`;

function fullCollections(prelude: string): number {
  const args = ['--input-type=module', '--eval', prelude + PASS_BUFFERS];
  return Number(execFileSync(process.execPath, args, { cwd: import.meta.dirname, encoding: 'utf8' }));
}

describe('buffers that are counted as heap', () => {
  it('cause fewer full collections while photos pass through', () => {
    const counted = "import { countBuffersAsHeap } from './buffers.ts'; countBuffersAsHeap();";
    expect(fullCollections(counted)).toBeLessThan(fullCollections(''));
  });
});
