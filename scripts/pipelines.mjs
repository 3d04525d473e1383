/** `npm run pipelines -- COMMAND …` and `npm run airflow`: programs of pipelines/, in environments that are made when missing. */
import { fileURLToPath } from 'node:url';
import { bootstrap } from './setup/bootstrap.mjs';

await bootstrap(fileURLToPath(import.meta.url), async (context) => {
  const { runPipelines } = await import('./pipelines/run.ts');
  return runPipelines(context, process.argv.slice(2), process.env);
});
