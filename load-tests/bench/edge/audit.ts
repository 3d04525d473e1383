import { join } from 'node:path';
import { type Audit, type AuditSurroundings, startAudit } from '@headgate/contracts/audit/start-audit';
import { loadConfig } from '@headgate/contracts/config/load';
import { ROOT } from '../../../test/e2e/harness/stack.ts';

/** The audit log that the gateway of a benchmark writes: that of production, on disk below `dir`. */
export function auditOfBench(
  dir: string,
  { logger, metrics }: Omit<AuditSurroundings, 'root'>,
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
  return startAudit({ ...config, audit }, { root: dir, logger, metrics });
}
