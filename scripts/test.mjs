/** `npm test`: sets up what is missing, runs every check and test, and ends with `N passed, N failed`. */
import { fileURLToPath } from 'node:url';
import { bootstrap } from './setup/bootstrap.mjs';

await bootstrap(
  fileURLToPath(import.meta.url),
  async (context) => {
    const { test } = await import('./test/main.ts');
    return test(context, process.argv.slice(2), process.env);
  },
  // A run without tests is a failure.
  { closingLine: '0 passed, 1 failed' },
);
