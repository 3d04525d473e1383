import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONTROL_PLANE, REGISTRY, STATE_DIR } from './layout.ts';
import { launch, untilReady } from './processes.ts';
import type { Programs } from './programs.ts';

const READY_WITHIN_MS = 20_000;

/** Starts the registry that the nodes pull from; this machine pushes to it by the same name. */
export async function startRegistry(programs: Programs): Promise<void> {
  const config = join(STATE_DIR, 'registry.json');
  const data = join(STATE_DIR, 'registry');
  mkdirSync(data, { recursive: true });
  writeFileSync(
    config,
    JSON.stringify({
      version: '0.1',
      log: { level: 'warn', accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: data }, delete: { enabled: true } },
      http: { addr: REGISTRY, draintimeout: '5s' },
    }),
  );
  await launch({
    name: 'registry',
    command: programs.registry,
    args: ['serve', config],
    network: CONTROL_PLANE,
    env: { OTEL_TRACES_EXPORTER: 'none' },
  });
  await untilReady('registry', READY_WITHIN_MS, async () => (await fetch(`http://${REGISTRY}/v2/`)).ok);
}
