/**
 * `npm start`: sets up what is missing, then runs Envoy, gateway and inference in the foreground.
 * Exit codes: 0 after Ctrl-C or --help, 1 failure, 2 wrong options or configuration, 3 a port is taken.
 */
import { fileURLToPath } from 'node:url';
import { parseStartOptions, USAGE } from './serve/options.mjs';
import { bootstrap } from './setup/bootstrap.mjs';

/** Checked before anything is installed. */
function options() {
  try {
    return parseStartOptions(process.argv.slice(2), process.cwd());
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n${USAGE}\n`);
    process.exit(2);
  }
}

const chosen = options();
if (chosen.help) {
  process.stdout.write(`${USAGE}\n`);
  process.exit(0);
}
await bootstrap(fileURLToPath(import.meta.url), async (context) => {
  const { serve } = await import('./serve/serve.ts');
  return serve(context, { ...chosen, env: process.env });
});
