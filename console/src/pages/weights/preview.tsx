import type * as Api from '@headgate/contracts/admin/api';
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { call, type Result } from '../../api.ts';
import { ErrorNote } from '../../components/loaded.tsx';
import { formatPercent, plural } from '../../format.ts';
import { type Part, weightsOf } from './sum.ts';

/** A moving slider asks after that time at rest. */
const REST_MS = 250;

/** Who would move, by what control answers. */
export function WeightsPreview({ model, parts }: { model: string; parts: readonly Part[] }) {
  const preview = useSignal<Result<Api.WeightsPreview> | undefined>(undefined);
  const body = { weights: weightsOf(parts) };
  const wanted = JSON.stringify(body);
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    const timer = setTimeout(async () => {
      const path = `/routing/${encodeURIComponent(model)}/preview`;
      const result = await call<Api.WeightsPreview>('POST', path, { body, signal });
      if (!signal.aborted) preview.value = result;
    }, REST_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [model, wanted]);

  const result = preview.value;
  if (result === undefined) return <p class="muted">Asking who would move …</p>;
  if (!result.ok) return <ErrorNote failure={result.failure} />;
  const { issues, moves } = result.value;
  return (
    <div aria-live="polite">
      {issues.map((issue) => (
        <p key={issue} class="problem">
          {issue}
        </p>
      ))}
      {moves.length === 0 && issues.length === 0 && <p>Nobody moves.</p>}
      {moves.map(({ from, to, share, units }) => (
        <p key={`${from}→${to}`}>
          <strong>{formatPercent(share)}</strong> of all units move from {from} to {to}
          {units !== null && `: ${plural(units, 'unit')} of those seen in the last 24 hours`}.
        </p>
      ))}
    </div>
  );
}
