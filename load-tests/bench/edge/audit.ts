import { type AuditSink, noAudit } from '../../../gateway/src/audit/sink.ts';

/** The audit sink that the gateway of the benchmark uses: that of production, as far as there is one. */
export function auditOfBench(): AuditSink {
  return noAudit;
}

/** False while nothing writes audit records: then their share of the cost is not in the figures. */
export const AUDIT_IS_MEASURED: boolean = auditOfBench() !== noAudit;
