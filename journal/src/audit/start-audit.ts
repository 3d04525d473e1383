import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import { DAY_MS, systemClock } from '@headgate/runtime/clock';
import type { Logger } from '@headgate/runtime/logger';
import type { Registry } from 'prom-client';
import { SPOOL_DEFAULTS } from '../spool/spool.ts';
import { type FileAudit, openFileAudit } from './file-audit.ts';
import { openPseudonyms, type Pseudonyms } from './pseudonyms.ts';
import { auditInstruments } from './reports.ts';
import { type AuditSink, type ChangeAction, noAudit } from './sink.ts';

/** Calls are on disk, as a group, within this time; changes at once. */
const SYNC_INTERVAL_MS = 1000;

export interface Audit {
  readonly sink: AuditSink;
  /** Notes what the process found by itself. It is in force already: a log that does not take it is a counted gap. */
  found(
    action: ChangeAction,
    outcome: 'accepted' | 'refused',
    detail?: Record<string, string | number>,
  ): void;
  /** Writes what is in memory, and the head outside of the log. */
  stop(): Promise<void>;
}

/** Processes that have an audit log; each is a writer of its own. */
export type AuditedProcess = 'gateway' | 'inference' | 'control';

export interface AuditSurroundings {
  /** Absolute; relative paths of the configuration start here. */
  readonly root: string;
  readonly logger: Logger;
  readonly metrics: { readonly registry: Registry };
}

/**
 * The audit log as the configuration says.
 *
 * @throws SpoolLockedError when another process has the log of this writer
 */
export async function startAudit(
  config: Config,
  { root, logger, metrics }: AuditSurroundings,
  process: AuditedProcess = 'gateway',
): Promise<Audit> {
  const { audit } = config;
  if (audit.sink === 'none') return { sink: noAudit, found: () => undefined, stop: async () => undefined };
  const instruments = auditInstruments(logger, metrics.registry);
  const name = audit.writer || `${hostname()}-${config.listen.port_base}`;
  const writer = process === 'gateway' ? name : `${process}-${name}`;
  const { address_days: addressDays, credential_days: credentialDays } = audit;
  const keys = { dir: resolve(root, audit.keys_dir), clock: systemClock, addressDays, credentialDays };
  const pseudonyms = await openPseudonyms(keys, instruments.tendFailed);
  const log = await openFileAudit({
    dir: resolve(root, audit.dir, writer),
    writer,
    headsFile: resolve(root, audit.heads_file),
    pseudonyms,
    clock: systemClock,
    limits: { ...SPOOL_DEFAULTS, maxBytes: audit.max_bytes },
    keepMs: audit.keep_days * DAY_MS,
    report: instruments.log,
  });
  sayWhatWasFound(log.found, (level, message) => logger[level]({ writer }, message));
  instruments.expose(log, { limitBytes: audit.max_bytes, isStored: audit.store !== 'none' });

  const upkeep = startUpkeep({ log, pseudonyms, instruments, intervalMs: audit.anchor_interval_ms });
  const found: Audit['found'] = (action, outcome, detail = {}) => {
    const atMs = systemClock.epochMs();
    const change = { atMs, keyId: undefined, action, outcome, detail, requestId: undefined };
    // The log counts and reports what it does not keep.
    log.change(change).catch(() => undefined);
  };
  found(`${process}.start`, 'accepted');
  return {
    sink: log,
    found,
    async stop() {
      await upkeep.stop();
      found(`${process}.stop`, 'accepted');
      await upkeep.anchor();
      await log.close();
    },
  };
}

/** A log that was cut, lost its heads or is gone goes on; its operator must see it. */
function sayWhatWasFound(
  { begins, truncated, headsLost }: FileAudit['found'],
  say: (level: 'warn' | 'error', message: string) => void,
): void {
  if (begins) {
    say(
      'warn',
      'a new audit log begins; if this writer had one before, it was removed: run headgate audit verify',
    );
  }
  if (truncated) say('error', 'the audit log ends before its anchored head: its end was cut');
  if (headsLost) {
    say('error', 'the heads of the audit log are gone; unless the file was rotated, somebody removed them');
  }
}

interface UpkeepOptions {
  readonly log: FileAudit;
  readonly pseudonyms: Pseudonyms;
  readonly instruments: ReturnType<typeof auditInstruments>;
  /** Between two anchors, in ms. */
  readonly intervalMs: number;
}

/** Anchors the log, trims it, rotates the keys of names and syncs, each at its interval. */
function startUpkeep({ log, pseudonyms, instruments, intervalMs }: UpkeepOptions) {
  const anchor = () => log.anchor().catch(instruments.anchorFailed);
  const stopping = new AbortController();
  // All that may go: with a file for each anchor a busy log would grow faster than it is trimmed.
  const trim = async () => {
    while (!stopping.signal.aborted && (await log.trim()));
  };
  let tended = Promise.resolve();
  const tend = () => {
    tended = tended
      .then(anchor)
      .then(() => trim().catch(instruments.trimFailed))
      .then(() => pseudonyms.tend().catch(instruments.tendFailed));
  };
  const timers = [
    setInterval(tend, intervalMs).unref(),
    setInterval(() => log.sync().catch(instruments.syncFailed), SYNC_INTERVAL_MS).unref(),
  ];
  return {
    anchor,
    /** Settles once a removal that has begun has its record. */
    async stop(): Promise<void> {
      for (const timer of timers) clearInterval(timer);
      stopping.abort();
      await tended;
    },
  };
}
