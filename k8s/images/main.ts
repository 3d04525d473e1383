/**
 * `npm run images`: builds the images and pushes them to a registry, by digest. Images whose content has not changed
 * are neither built nor pushed again. Exit codes: 0 pushed, 1 failure, 2 wrong options.
 */
import { parseArgs } from 'node:util';
import { ROOT } from '../../scripts/setup/bootstrap.mjs';
import { createGuard } from '../../scripts/setup/guard.mjs';
import { exitCodeOf, stopRequests } from '../../scripts/setup/lifecycle.mjs';
import { createUi } from '../../scripts/setup/ui.mjs';
import { ALL_IMAGES } from './images.ts';
import { makeImages } from './make.ts';

const USAGE = `usage: npm run images -- [options]
  --registry REGISTRY   host[:port][/path] to push to (10.90.0.10:5000, the registry of npm run cluster:up)
  --only NAME,NAME      these images only: gateway, inference, inference-gpu, control, envoy, models, pipelines, airflow,
                        redis, postgres
  --gpu                 inference-gpu too: fetches 1.4 GB from PyPI
  --lifecycle           pipelines and airflow too, for mlflow.enabled and airflow.enabled: fetches 0.4 GB from PyPI
  --fresh               Debian's packages as they are today, for security updates of the base
  --test                redis and postgres of test clusters too
HEADGATE_BUILDER names the program: buildah, podman or docker. Otherwise it is the first that is installed.`;

function options() {
  try {
    const { values } = parseArgs({
      options: {
        registry: { type: 'string', default: '10.90.0.10:5000' },
        only: { type: 'string' },
        gpu: { type: 'boolean', default: false },
        lifecycle: { type: 'boolean', default: false },
        test: { type: 'boolean', default: false },
        fresh: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    const only = values.only?.split(',');
    const names = ALL_IMAGES.map(({ name }) => name);
    const unknown = only?.filter((name) => !names.includes(name)) ?? [];
    if (unknown.length > 0) throw new Error(`no image is called ${unknown.join(', ')}`);
    return { ...values, only };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`);
    process.exit(2);
  }
}

const { help, ...chosen } = options();
if (help) {
  console.log(USAGE);
  process.exit(0);
}
const { stop } = stopRequests();
const guard = createGuard();
try {
  const around = { root: ROOT, guard, signal: stop, ui: createUi(process.stdout) };
  await makeImages({ ...chosen, builder: process.env.HEADGATE_BUILDER }, around);
} catch (error) {
  const { tail = [] } = error as { tail?: readonly string[] };
  if (!stop.aborted) console.error(`${error instanceof Error ? error.message : error}\n${tail.join('\n')}`);
  process.exitCode = stop.aborted ? exitCodeOf(stop.reason) : 1;
}
await guard.close();
process.exit();
