import { join } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import { ENVOY_STOP_MS, envoyArguments, envoyEnvironment } from '@headgate/envoy/process';
import { readInternalSecret } from '@headgate/runtime/internal-secret';
import type { Mode } from '../setup/mode.ts';
import type { ChildSpec } from './child.ts';

export interface ComponentOptions {
  readonly root: string;
  readonly mode: Mode;
  /** Path of the rendered Envoy configuration. */
  readonly envoyConfig: string;
  /** Routing table that gateway and inference watch; relative to the root, or absolute. */
  readonly routingFile: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Time for control to close its database, in ms. */
export const CONTROL_STOP_MS = 5000;
/** Time beyond a component's own drain before it is killed, in ms. */
const STOP_MARGIN_MS = 2000;

/** The processes of this mode. The order is that of the path from a photo's end: each needs those before it. */
export function componentsOf(config: Config, options: ComponentOptions): ChildSpec[] {
  const { root, mode } = options;
  const env = {
    ...options.env,
    HEADGATE_ROOT: root,
    HEADGATE_ROUTING_FILE: options.routingFile,
    HEADGATE_LISTEN__PORT_BASE: String(config.listen.port_base),
  };
  const drainMs = (drain: { delay_ms: number; timeout_ms: number }) =>
    drain.delay_ms + drain.timeout_ms + STOP_MARGIN_MS;
  const spec = (name: ChildSpec['name'], stopWithinMs: number): ChildSpec => ({
    name,
    command: process.execPath,
    args: [`${name}/dist/main.js`],
    cwd: root,
    env,
    // Several stacks of one checkout differ in their port base, and so do their logs.
    logFile: join(root, 'state/logs', String(config.listen.port_base), `${name}.log`),
    stopWithinMs,
  });
  const control = spec('control', CONTROL_STOP_MS);
  const inference = spec('inference', drainMs(config.inference.drain));
  const gateway = spec('gateway', drainMs(config.gateway.drain));
  const envoy: ChildSpec = {
    ...spec('envoy', ENVOY_STOP_MS),
    command: join(root, '.venv/bin/envoy'),
    env: { ...env, ...envoyEnvironment(readInternalSecret(config.listen, root)) },
    args: envoyArguments(config, options.envoyConfig),
  };
  const always = [control, inference, gateway];
  return mode === 'full' ? [...always, envoy] : always;
}
