/** `npm run setup`: creates what is missing, and does nothing else. */
import { fileURLToPath } from 'node:url';
import { bootstrap } from './setup/bootstrap.mjs';

await bootstrap(fileURLToPath(import.meta.url), async (context) => {
  const { setup } = await import('./setup/setup.ts');
  const started = performance.now();
  const { mode, ran } = await setup(context, {
    fallback: process.argv.includes('--fallback'),
    python: process.env.HEADGATE_PYTHON,
    environment: process.env.HEADGATE_ENV,
  });
  const took = `${((performance.now() - started) / 1000).toFixed(2)} s`;
  context.ui.say(
    `${ran.length === 0 ? 'everything is in place' : 'setup is complete'} (${mode} mode, ${took})`,
  );
  return 0;
});
