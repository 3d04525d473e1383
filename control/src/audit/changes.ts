import type { AuditChange, AuditSink, ChangeAction } from '@headgate/journal/audit/sink';
import type { Clock } from '@headgate/runtime/clock';
import type { Logger } from '@headgate/runtime/logger';
import { AdminError } from '../api/api-env.ts';

type Detail = Readonly<Record<string, string | number>>;

/** Audit records of what control changes. */
export interface Changes {
  /** @throws AdminError store_unavailable: then nothing may be changed */
  must(action: ChangeAction, by: string, detail: Detail): Promise<void>;
  /** Of what happens in any case. */
  note(action: ChangeAction, by: string, detail: Detail, outcome?: AuditChange['outcome']): void;
}

/** @param by `control` for what it does by itself, else who asked, such as `key:k1` or `user:alice` */
export function auditedChanges(
  audit: Pick<AuditSink, 'change'>,
  clock: Clock,
  logger: Pick<Logger, 'error'>,
): Changes {
  const change = (
    action: ChangeAction,
    by: string,
    detail: Detail,
    outcome: AuditChange['outcome'] = 'accepted',
  ) =>
    audit.change({
      atMs: clock.epochMs(),
      keyId: by === 'control' ? undefined : by.replace(/^key:/, ''),
      action,
      outcome,
      detail,
      requestId: undefined,
    });
  return {
    async must(action, by, detail) {
      await change(action, by, detail).catch((cause) => {
        const why = 'The audit log does not take the record, so nothing was changed.';
        throw new AdminError('store_unavailable', why, { cause });
      });
    },
    note(action, by, detail, outcome) {
      change(action, by, detail, outcome).catch((err) =>
        logger.error({ err, action }, 'a change has no audit record'),
      );
    },
  };
}
