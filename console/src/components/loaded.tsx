import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import type { Failure } from '../api.ts';
import type { Resource } from '../resource.ts';
import { Time } from './time.tsx';

/** Shows an answer of the API in each of its states: loading, failed, stale, there. */
export function Loaded<T>(props: {
  of: Resource<T>;
  /** What loads, as in "Loading the audit log". */
  what: string;
  children: (value: T) => ComponentChildren;
}) {
  const { value, failure, loadedAtMs, reload } = props.of;
  if (value === undefined && failure === undefined) return <Loading what={props.what} />;
  return (
    <>
      {failure !== undefined && (
        <ErrorNote failure={failure} onRetry={reload}>
          {loadedAtMs !== undefined && (
            <>
              This page shows what control answered <Time atMs={loadedAtMs} />.
            </>
          )}
        </ErrorNote>
      )}
      {value !== undefined && props.children(value)}
    </>
  );
}

/** Nothing for a moment, then words, after 2 s a moving bar. */
export function Loading({ what }: { what: string }) {
  const seconds = useSignal(0);
  useEffect(() => {
    const timer = setInterval(() => {
      seconds.value += 1;
    }, 1000);
    return () => clearInterval(timer);
  }, [seconds]);
  return (
    <div class="loading" role="status">
      <p>Loading {what} …</p>
      {seconds.value >= 2 && (
        <>
          <progress aria-label={`Loading ${what}`} />
          <p class="hint">{seconds.value} s so far</p>
        </>
      )}
    </div>
  );
}

/** What failed and what to do about it. */
export function ErrorNote(props: { failure: Failure; onRetry?: () => void; children?: ComponentChildren }) {
  return (
    <div class="note bad row" role="alert">
      <p>
        {props.failure.detail} {props.children}
      </p>
      {props.onRetry !== undefined && (
        <button type="button" onClick={props.onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}
