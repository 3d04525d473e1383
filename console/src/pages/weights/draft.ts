import type { RoutingView } from '@headgate/contracts/admin/api';
import { type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { areSame, type Part } from './sum.ts';

/** An edit of weights beside the table that others may change meanwhile. */
export interface Draft {
  readonly parts: Signal<readonly Part[]>;
  /** The table that the edit began with. */
  readonly base: { readonly revision: string; readonly parts: readonly Part[] };
  readonly isEdited: boolean;
  /** Somebody else changed the weights since the edit began. */
  readonly isOvertaken: boolean;
  /** Begins again on the newest table. */
  readonly restart: (parts: readonly Part[]) => void;
  readonly saved: (revision: string, parts: readonly Part[]) => void;
}

/** @param theirs weights of the newest table */
export function useDraft({ revision }: RoutingView, theirs: readonly Part[]): Draft {
  const base = useSignal({ revision, parts: theirs });
  const parts = useSignal(theirs);
  const isEdited = !areSame(parts.value, base.value.parts);
  const isMine = areSame(theirs, parts.value);
  const isOvertaken = isEdited && !isMine && !areSame(theirs, base.value.parts);
  const restart = (from: readonly Part[]) => {
    base.value = { revision, parts: theirs };
    parts.value = from;
  };
  useEffect(() => {
    // Without an edit the newest table is shown; a new table with the same weights does not matter to an edit.
    if (!isEdited || isMine) restart(theirs);
    else if (!isOvertaken) base.value = { ...base.value, revision };
  }, [revision]);
  const saved = (to: string, as: readonly Part[]) => {
    base.value = { revision: to, parts: as };
  };
  return { parts, base: base.value, isEdited, isOvertaken, restart, saved };
}
