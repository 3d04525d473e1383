import { METRIC } from '@headgate/contracts/names';
import { DROP_CAUSES } from '@headgate/contracts/records';
import { liveGauge } from '@headgate/runtime/live-gauge';
import type { Logger } from '@headgate/runtime/logger';
import { Counter, type Registry } from 'prom-client';
import type { AuditReport, FileAudit } from './file-audit.ts';

export interface AuditInstruments {
  readonly log: AuditReport;
  anchorFailed(error: unknown): void;
  /** It is tried again with the next group of records. */
  syncFailed(error: unknown): void;
  /** It is tried again at the next anchor. */
  trimFailed(error: unknown): void;
  /** It is tried again at the next anchor. */
  tendFailed(error: unknown): void;
  expose(log: Pick<FileAudit, 'stats'>, options: ExposedLog): void;
}

interface ExposedLog {
  /** What the log may grow to. */
  readonly limitBytes: number;
  /** Control brings its records into a store. */
  readonly isStored: boolean;
}

/** Shows how the audit log does. A record that is lost is an alert. */
export function auditInstruments(logger: Logger, registry: Registry): AuditInstruments {
  const registers = [registry];
  const written = new Counter({
    name: METRIC.auditWritten,
    help: 'Audit records in the log.',
    registers,
  });
  const dropped = new Counter({
    name: METRIC.auditDropped,
    help: 'Audit records lost or refused, by cause; a gap record says so in the log.',
    labelNames: ['cause'] as const,
    registers,
  });
  // From the start: Prometheus sees no increase in a series that begins with its first loss.
  for (const cause of DROP_CAUSES) dropped.inc({ cause }, 0);
  const anchorFailures = new Counter({
    name: METRIC.auditAnchorFailures,
    help: 'Times that the head of the audit log could not be written outside of it.',
    registers,
  });
  return {
    log: {
      written: (records) => written.inc(records),
      dropped(records, cause) {
        dropped.inc({ cause }, records);
        logger.error({ records, cause }, 'audit records lost');
      },
      damaged: (bytes) =>
        logger.warn({ bytes }, 'the audit log had a torn end or damage; audit verify tells'),
      unwritten: (counts) =>
        logger.error({ counts }, 'the audit log did not take these counts of calls; keep this line'),
    },
    anchorFailed(err) {
      anchorFailures.inc();
      logger.error({ err }, 'the head of the audit log could not be written outside of it');
    },
    syncFailed: (err) =>
      logger.error({ err }, 'the audit log cannot be synced: a power cut would cost records'),
    trimFailed: (err) => logger.warn({ err }, 'an old file of the audit log could not be removed'),
    tendFailed: (err) =>
      logger.error({ err }, 'the keys of names in the audit log cannot be kept or removed'),
    expose({ stats }, { limitBytes, isStored }) {
      liveGauge(registry, METRIC.auditLimit, 'What the audit log may grow to.', () => limitBytes);
      liveGauge(registry, METRIC.auditBytes, 'Bytes of the audit log on disk.', () => stats().bytes);
      if (!isStored) return;
      const stored = 'Records of the chain that are in the store too.';
      liveGauge(registry, METRIC.auditStored, stored, () => stats().storedSeq);
      const unstored = 'Records of the chain that are not in the store yet.';
      const count = () => Math.max(0, stats().lastSeq - stats().storedSeq);
      liveGauge(registry, METRIC.auditUnstored, unstored, count);
    },
  };
}
