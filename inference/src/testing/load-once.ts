import { createLogger } from '@headgate/runtime/logger';
import { type EngineProcess, startEngine } from '../engine/parent/process.ts';
import type { ModelPackage } from '../models/repository.ts';

const LOG = createLogger({ service: 'test', level: 'silent' });
const ENTRY = new URL('../engine/child/main.ts', import.meta.url);

type Loadable = Pick<ModelPackage, 'directory' | 'manifest'>;

/** A real engine for an opened version. @throws LoadError */
export function engineOf({ directory, manifest }: Loadable): Promise<EngineProcess> {
  const options = {
    entry: ENTRY,
    env: process.env,
    log: LOG,
    startTimeoutMs: 60_000,
    runTimeoutMs: 10_000,
    memoryLimitBytes: 0,
    spec: {
      directory,
      manifest,
      sampleDirs: [directory],
      provider: 'cpu',
      deviceId: 0,
      tf32: false,
      intraOpThreads: 1,
      decodeThreads: 1,
      maxPixels: 1_000_000,
      maxSide: 32_768,
      nice: 0,
    },
  } as const;
  return startEngine(options, new AbortController().signal);
}

/** Loads an opened version as for serving, and ends it. @returns what was loaded @throws LoadError */
export async function loadOnce(opened: Loadable): Promise<EngineProcess['report']> {
  const engine = await engineOf(opened);
  engine.kill();
  await engine.ended;
  return engine.report;
}
