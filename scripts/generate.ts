/**
 * `npm run generate`: types of the gRPC contract and JSON Schemas; run it after a change in protos/ or contracts/.
 *
 *   --release  also writes protos/released.binpb, the contract that later changes must not break
 *   --resize   also compiles the resize kernel, after a change in inference/assembly/ (fetches its compiler)
 *   --envoy    also writes the typings of Envoy's configuration, after an update of their packages (needs Go)
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { GENERATED, generateContracts } from './generate/contracts.ts';
import { generateResizeKernel, KERNEL_MODULE } from './generate/resize-kernel.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

function run(command: string, args: readonly string[]): void {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

const flag = { type: 'boolean' } as const;
const { values } = parseArgs({ options: { release: flag, resize: flag, envoy: flag } });
await generateContracts(root, root);
console.log(`written: ${GENERATED.join(', ')}`);
if (values.release) {
  run(join(root, 'node_modules/.bin/buf'), ['build', '-o', 'protos/released.binpb']);
  console.log('written: protos/released.binpb');
}
if (values.resize) {
  generateResizeKernel(root);
  console.log(`written: ${KERNEL_MODULE}`);
}
if (values.envoy) run('bash', ['envoy/scripts/generate-typings.sh']);
