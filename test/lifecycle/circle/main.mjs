/** `npm run demo:lifecycle`: the life of a model in one command, with a timeline at the end. */
import { fileURLToPath } from 'node:url';
import { bootstrap } from '../../../scripts/setup/bootstrap.mjs';

await bootstrap(fileURLToPath(import.meta.url), async (context) => {
  const { demo } = await import('./demo.ts');
  return demo(context, process.argv.slice(2), process.env);
});
