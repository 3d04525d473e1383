import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseRouting } from '@headgate/contracts/routing';
import { descendantsOf } from '@headgate/testkit/processes';
import { ROOT } from '@headgate/testkit/root';
import { type OwnedStack, processesOf, startStack } from '@headgate/testkit/stack';
import { parse, stringify } from 'yaml';
import { monotonicMs } from '../clock.ts';
import type { Contender, Door } from './contender.ts';

export const GRPC_DOOR = 'Headgate, gRPC';
export const WHOLE_DOOR = 'Headgate, whole path';

const VERSION = '1';

/**
 * Headgate as `npm start` runs it, with one model version like the peers: gRPC straight to inference, and the
 * whole path with TLS, API key, limits and telemetry. The layouts are values of its configuration.
 *
 * @param dir folder of this run
 */
export function headgate(dir: string): Contender {
  const routingFile = oneVersion(join(dir, 'routing.yaml'));
  return {
    id: 'headgate',
    layouts: [layout(1, 2), layout(2, 1)],
    startWithinMs: 120_000,
    tries: 1,
    start: async ({ env }) => {
      const spawnedMs = monotonicMs();
      const stack = await startStack({ env: { ...env, HEADGATE_ROUTING_FILE: routingFile } });
      const stop = () => stack.stop().then(() => {});
      const ended = () => (stack.supervisor.child.exitCode === null ? undefined : 'it ended');
      return { spawnedMs, doors: doorsOf(stack), clientWrapper: [], ended, stop };
    },
  };
}

function layout(instances: number, threads: number) {
  return {
    name: `${instances} engine${instances > 1 ? 's' : ''} × ${threads} thread${threads > 1 ? 's' : ''}`,
    threads,
    env: {
      HEADGATE_INFERENCE__EXECUTION__INSTANCES: String(instances),
      HEADGATE_INFERENCE__EXECUTION__INTRA_OP_THREADS: String(threads),
    },
  };
}

function doorsOf(stack: OwnedStack): Door[] {
  const { ready, supervisorPid } = stack;
  const { https, caFile, model, keys } = ready;
  const inference = () => [...processesOf(stack, 'inference'), ...processesOf(stack, 'engine')];
  const doors: Door[] = [
    {
      name: GRPC_DOOR,
      target: { kind: 'grpc', address: ready.inferenceGrpc, model, version: VERSION },
      pids: () => inference().map(({ pid }) => pid),
    },
  ];
  if (https) {
    doors.push({
      name: WHOLE_DOOR,
      target: { kind: 'http', origin: https, path: '/predict', key: keys.bench, caFile },
      pids: () => [supervisorPid, ...descendantsOf(supervisorPid).map(({ pid }) => pid)],
    });
  }
  return doors;
}

/** The shipped routing table with the control version of the default model alone; returns `path`. */
function oneVersion(path: string): string {
  const routing = parseRouting(parse(readFileSync(join(ROOT, 'config/routing.yaml'), 'utf8')));
  const model = routing.models[routing.default_model];
  const [control] = model?.experiment.variants ?? [];
  if (!model || !control) throw new Error('the routing table has no default model');
  const versions = [control.version];
  const experiment = { ...model.experiment, variants: [{ ...control, weight: 100 }] };
  writeFileSync(
    path,
    stringify({ ...routing, models: { [routing.default_model]: { ...model, versions, experiment } } }),
  );
  return path;
}
