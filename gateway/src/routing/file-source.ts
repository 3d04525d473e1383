import { parseRouting, type Routing } from '@headgate/contracts/routing';
import { type FileError, watchFile } from '@headgate/runtime/watch-file';
import type { RoutingSource } from './source.ts';

/** Told about every version of the routing table, so that an operator sees what is in force (decision 0007). */
export interface RoutingReport {
  /** A table is in force now, the first one included. */
  accepted(routing: Routing): void;
  /** A version was refused as a whole; the last good table stays in force. */
  refused(error: FileError): void;
}

export interface FileRoutingSource extends RoutingSource {
  stop(): void;
}

/** A table of hundreds of models fits easily; a log file put there by mistake does not. */
const MAX_BYTES = 256 * 1024;

/**
 * The routing table from a YAML file that control or an SRE rewrites while we run.
 *
 * @throws FileError when there is no valid first table
 */
export function fileRoutingSource(path: string, report: RoutingReport): FileRoutingSource {
  const file = watchFile(path, parseRouting, {
    maxBytes: MAX_BYTES,
    onChange: report.accepted,
    onError: report.refused,
  });
  report.accepted(file.current());
  return file;
}
