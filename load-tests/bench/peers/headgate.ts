import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NO_SECRET } from '@headgate/testkit/config';
import { descendantsOf } from '@headgate/testkit/processes';
import { type OwnedStack, startStack } from '@headgate/testkit/stack';
import { stringify } from 'yaml';
import { monotonicMs } from '../jobs.ts';
import type { Contender, Door } from './contender.ts';
import type { PartProcess } from './usage.ts';

export const GRPC_DOOR = 'Headgate, gRPC';
export const WHOLE_DOOR = 'Headgate, whole path';

export const DEFAULT_MODEL = 'efficientnet-lite0';
const VERSION = '1';

/**
 * Headgate as `npm start` runs it, with one version of one model like the peers: gRPC straight to inference, and the
 * whole path with TLS, API key, limits and telemetry. On two cores it has two engines of one thread.
 *
 * @param dir folder of this run
 */
export function headgate(dir: string, model = DEFAULT_MODEL): Contender {
  const routingFile = oneVersionFile(dir, model);
  return {
    id: 'headgate',
    startWithinMs: 120_000,
    tries: 1,
    start: async (env) => {
      const spawnedMs = monotonicMs();
      const stack = await startStack({ env: { ...env, ...NO_SECRET, HEADGATE_ROUTING_FILE: routingFile } });
      const stop = () => stack.stop().then(() => {});
      const ended = () => (stack.supervisor.child.exitCode === null ? undefined : 'it ended');
      return { spawnedMs, doors: doorsOf(stack), clientWrapper: [], ended, stop };
    },
  };
}

/** Writes a routing table with all weight on one version of one model; returns its path. */
export function oneVersionFile(dir: string, model: string): string {
  const variants = [{ name: 'control', version: VERSION, weight: 100 }];
  const experiment = { name: model, salt: model, variants };
  const models = { [model]: { versions: [VERSION], experiment } };
  const path = join(dir, `${model}.yaml`);
  writeFileSync(path, stringify({ schema: 1, default_model: model, models }));
  return path;
}

function doorsOf(stack: OwnedStack): Door[] {
  const { https, caFile, model, keys, inferenceGrpc } = stack.ready;
  if (!https) throw new Error('the whole path needs Envoy');
  const all = () => partsOf(stack);
  return [
    {
      name: GRPC_DOOR,
      target: { kind: 'grpc', address: inferenceGrpc, model, version: VERSION },
      processes: () => all().filter(({ part }) => part === 'front' || part === 'engine'),
    },
    {
      name: WHOLE_DOOR,
      target: { kind: 'http', origin: https, path: '/predict', key: keys.bench, caFile },
      processes: all,
    },
  ];
}

const PARTS: readonly [RegExp, string][] = [
  [/engine-child|engine\/child/, 'engine'],
  [/inference\/(dist|src)\/main\./, 'front'],
  [/gateway\/(dist|src)\/main\./, 'gateway'],
  [/(^|\/)envoy /, 'Envoy'],
  [/control\/(dist|src)\/main\./, 'control'],
];

/** Every process of a stack with its part; all but the five parts count as supervisor. */
export function partsOf({ supervisorPid }: OwnedStack): PartProcess[] {
  const children = descendantsOf(supervisorPid).map(({ pid, command }) => ({
    pid,
    part: PARTS.find(([pattern]) => pattern.test(command))?.[1] ?? 'supervisor',
  }));
  return [{ pid: supervisorPid, part: 'supervisor' }, ...children];
}
