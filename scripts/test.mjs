/** `npm test`: sets up what is missing, runs every check and test, and ends with `N passed, N failed`. */
import { fileURLToPath } from 'node:url';
import { bootstrap } from './setup/bootstrap.mjs';

await bootstrap(fileURLToPath(import.meta.url), async (context) => {
  const { reportSetupFailure, test } = await import('./test/main.ts');
  try {
    return await test(context, process.argv.slice(2), process.env);
  } catch (error) {
    if (context.signal.aborted) throw error;
    return reportSetupFailure(context, error);
  }
});
