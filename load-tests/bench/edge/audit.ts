import { join } from 'node:path';
import { loadConfig } from '@headgate/contracts/config/load';
import { noResilienceReport } from '@headgate/contracts/resilience/report';
import { type Audit, startAudit } from '../../../gateway/src/audit/start-audit.ts';
import type { Surroundings } from '../../../gateway/src/surroundings.ts';
import { ROOT } from '../../../test/e2e/harness/stack.ts';

/** The audit log that the gateway of a benchmark writes: that of production, on disk below `dir`. */
export function auditOfBench(
  dir: string,
  { logger, metrics }: Pick<Surroundings, 'logger' | 'metrics'>,
): Promise<Audit> {
  const config = loadConfig({ dir: join(ROOT, 'config'), environment: 'dev', env: {} });
  const audit = {
    ...config.audit,
    sink: 'file' as const,
    dir: 'log',
    writer: 'bench',
    heads_file: 'heads.jsonl',
    keys_dir: 'keys',
  };
  const surroundings = { root: dir, logger, metrics, resilience: noResilienceReport };
  return startAudit({ ...config, audit }, surroundings);
}
